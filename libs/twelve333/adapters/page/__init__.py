"""The consultant's page of a node: ask, see, read, copy the citation; served to browsers that show a desk's certificate."""

from .server import Page, start_page

__all__ = ["Page", "start_page"]
