"""Synonyms and stop words as data: how their files are written, and how a province adds its own to the national ones.

`a b c` are phrases of which each may stand for the others; `a > b c` works one way only; `#` begins a comment, `# version: 3` names the
edition. A province's own file is read after the national one and adds to it; it takes nothing away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..decision import Refusal, refuse
from . import codes
from .search import Lexicon, fold, runs

_VERSION = re.compile(r"^#\s*version:\s*(\S{1,32})\s*$")


def version_of(text: str) -> str:
    """The edition that a file names, empty if it names none."""
    return next((found[1] for line in text.splitlines() if (found := _VERSION.match(line))), "")


def lexicon_of(synonyms: str, stop_words: str) -> Lexicon | Refusal:
    """Read a lexicon.

    Args:
        synonyms: text of a file of synonyms.
        stop_words: words parted by blanks and lines.

    Returns: a refusal that names the first line that is not in order.
    """
    known: dict[str, list[str]] = {}
    for number, line in _lines(synonyms):
        left, one_way, right = fold(line).partition(" > ")
        group = right.split() if one_way else left.split()
        heads = [left.strip()] if one_way else group
        if not all(runs(phrase) == [phrase] for phrase in (*heads, *group)) or len({*heads, *group}) < 2:
            return refuse(codes.SYNONYMS_MALFORMED, line=number)
        for phrase in heads:
            others = known.setdefault(phrase, [])
            others.extend(other for other in group if other != phrase and other not in others)
    stop = frozenset(word for _, line in _lines(stop_words) for word in fold(line).split())
    return Lexicon({phrase: tuple(others) for phrase, others in known.items()}, stop, version_of(synonyms))


def extended(national: Lexicon, own: Lexicon) -> Lexicon:
    """The national lexicon with what a province adds; what stands for a national phrase stands also for what that one does."""
    synonyms = dict(national.synonyms)
    for phrase, others in own.synonyms.items():
        reached = [*national.synonyms.get(phrase, ()), *others, *(far for other in others for far in national.synonyms.get(other, ()))]
        synonyms[phrase] = tuple(dict.fromkeys(one for one in reached if one != phrase))
    version = "+".join(filter(None, (national.version, own.version or "local")))
    return Lexicon(synonyms, national.stop_words | own.stop_words, version)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a data file that are no comment, with their numbers."""
    return ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#"))
