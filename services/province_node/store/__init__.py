"""What a province node keeps. Importing this package declares every table (one import line per capability, for migrations)."""

from . import registration
from .metadata import metadata

__all__ = ["metadata", "registration"]
