"""Cuts Chinese text into words, for the spoken lane of the library's search."""

from __future__ import annotations

import rjieba


def words(text: str) -> list[str]:
    """The words of `text` in order; nothing is left out."""
    return list(rjieba.cut(text))
