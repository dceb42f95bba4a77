"""Searches everything below a folder for words that must be nowhere, in all the ways in which a word may be written."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path


def ways_of_writing(word: str) -> set[bytes]:
    """As it may stand in a file: plain, as JSON escapes it, as UTF-16, in base64 at any offset."""
    plain = word.encode()
    shifted = {base64.b64encode(b"\x00" * shift + plain)[(8 * shift + 5) // 6 : -4] for shift in range(3)}
    return {plain, word.encode("ascii", "backslashreplace"), word.encode("utf-16-le"), plain.hex().encode(), *shifted}


def hits(folder: Path, words: Iterable[str]) -> list[str]:
    needles = {word: ways_of_writing(word) for word in words}
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:  # a server's file of the moment
            continue
        found += [f"{path.relative_to(folder)}: {word}" for word, ways in needles.items() if any(way in content for way in ways)]
    return found
