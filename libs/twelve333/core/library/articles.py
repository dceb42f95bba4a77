"""Where in a text a hit stands: the article to quote, the sentence to read out, and how to cite it.

Chinese statutes number their articles `第十七条` at the start of a paragraph, under chapters `第三章`; a caller is told the article. A long
text is not taken apart for that: its headings are found in one pass, and only places where words stand are looked at.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

SNIPPET_CHARS_MAX: Final = 160
SENTENCE_CHARS_MAX: Final = 400
_BESIDE: Final = 0.1  # what a pair beside each other adds
PLACES_MAX: Final = 64  # articles or lines with one word in one text
_NUMBER = "[一二三四五六七八九十百千零〇0-9]+"
_BLANK = "[ \t\u3000]"
_HEADING = re.compile(
    rf"^(?={_BLANK}*[#第])(?:{_BLANK}*(?:#+{_BLANK}*)?(?P<article>第{_NUMBER}条(?:之{_NUMBER})?)(?={_BLANK}|[^的规至、和或及]|$)"
    rf"|{_BLANK}*#*{_BLANK}*(?P<chapter>第{_NUMBER}[编章节](?:{_BLANK}+.*)?)$"
    rf"|{_BLANK}*#+{_BLANK}*(?P<title>.*)$)",
    re.MULTILINE,
)
_LINE = re.compile(r"^.*\S", re.MULTILINE)
_SENTENCE = re.compile(r"[^。；！？\n]*[。；！？]?[”』」]?")


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text: under which chapter and article (empty if there is none), and what it says."""

    chapter: str
    article: str
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What to read out.

    Args:
        article: it stands in, e.g. 第十七条; empty if the text has none there.
        snippet: the words around the hit, at most `SNIPPET_CHARS_MAX` characters, in one line.
        matched: which words hit, longest first.
        sentence: the whole sentence that holds most of them, as it stands; empty if none does.
        chapter: it stands under, or the heading of the section.
    """

    article: str
    snippet: str
    matched: tuple[str, ...]
    sentence: str = ""
    chapter: str = ""


class _Block(NamedTuple):
    """A part of a text: from where to where, under which chapter, as which article."""

    start: int
    end: int
    chapter: str
    article: str


OUTLINES_KEPT: Final = 256  # of texts that were quoted last: what callers ask about comes again and again


class _Outline:
    """The headings of a text, in order."""

    def __init__(self, body: str) -> None:
        self._body = body
        self._starts: list[int] = []
        self._blocks: list[_Block] = []
        chapter = ""
        for found in _HEADING.finditer(body):
            if found["article"] is None:
                chapter = " ".join((found["chapter"] or found["title"]).split())
            self._starts.append(found.start())
            self._blocks.append(_Block(found.end(), len(body), chapter, found["article"] or ""))

    def opening(self) -> _Block:
        """The first article or line that is no heading; all of the text if it has nothing else."""
        starts = (self.place(found.start()) for found in _LINE.finditer(self._body))
        return next((block for block, heading in starts if not heading), _Block(0, len(self._body), "", ""))

    def place(self, at: int) -> tuple[_Block, bool]:
        """The article that holds position `at`, or the line; and whether it is a heading that is no article."""
        number = bisect_right(self._starts, at) - 1
        until = self._starts[number + 1] if number + 1 < len(self._starts) else len(self._body)
        under = self._blocks[number] if number >= 0 else _Block(0, 0, "", "")
        if under.article:
            return _Block(under.start, until, under.chapter, under.article), False
        start = self._body.rfind("\n", 0, at) + 1
        end = self._body.find("\n", at)
        return _Block(start, len(self._body) if end < 0 else end, under.chapter, ""), number >= 0 and at < under.start


@lru_cache(maxsize=OUTLINES_KEPT)
def _outline_of(body: str) -> _Outline:
    return _Outline(body)


def passages(body: str) -> list[Passage]:
    """The articles of a text in order; a text without articles is parted at its headings and lines."""
    outline, found, at = _Outline(body), list[Passage](), 0
    while at < len(body):
        block, heading = outline.place(at)
        text = "\n".join(line for raw in body[block.start : block.end].splitlines() if (line := raw.strip()))
        if block.article or (text and not heading):
            found.append(Passage(block.chapter, block.article, text))
        at = max(block.end, at) + (not block.article)
    return found


def quote(body: str, folded: str, words: Mapping[str, tuple[int, float]], pairs: Collection[str] = ()) -> Quote:
    """The article or paragraph that says most of what is asked, and in it the sentence that does.

    Args:
        body: the text.
        folded: the same, folded; positions are the same.
        words: folded, each with the number of its group and what it is worth; of a group one counts.
        pairs: neighbours of the question, each two folded characters: where as much is said, what stands as in the question counts.
    """
    outline, found, headings = _outline_of(body), dict[_Block, set[str]](), dict[_Block, set[str]]()
    for word in words:
        for block, heading in _places(folded, word, outline):
            (headings if heading else found).setdefault(block, set()).add(word)
    found = found or headings
    if not found:
        first = outline.opening()
        return Quote(first.article, _cut(body[first.start : first.end].strip(), 0), (), "", first.chapter)

    best = _best({block: _worth(held, words) for block, held in found.items()}, folded, pairs)
    matched = tuple(sorted(found[best], key=lambda word: (-len(word), word)))
    start, end = _sentence(folded, best, words)
    text = body[best.start : best.end]
    lead = len(text) - len(text.lstrip())
    places = [at for word in matched if (at := folded.find(word, best.start, best.end)) >= 0]  # a number of an article stands before it
    snippet = _cut(text.strip(), min(places, default=best.start) - best.start - lead)
    return Quote(best.article, snippet, matched, " ".join(body[start:end].split())[:SENTENCE_CHARS_MAX], best.chapter)


def _best(worth: Mapping[_Block, float], folded: str, pairs: Collection[str]) -> _Block:
    """The block that says most, the first of equals; those that could not win with every pair are not looked into."""
    best, most = next(iter(worth)), (-1.0, 0)
    for block in sorted(worth, key=lambda block: -worth[block]):
        if round(worth[block] * (1 + _BESIDE * len(pairs)), 6) < most[0]:
            break
        text = folded[block.start : block.end]
        says = round(worth[block] * (1 + _BESIDE * sum([pair in text for pair in pairs])), 6), -block.start
        if says > most:
            best, most = block, says
    return best


def _worth(found: Iterable[str], words: Mapping[str, tuple[int, float]]) -> float:
    """What the words found are worth: of each group the dearest."""
    best: dict[int, float] = {}
    for word in found:
        group, worth = words[word]
        best[group] = max(best.get(group, 0.0), worth)
    return sum(best.values())


def opening(body: str) -> str:
    """The first article or paragraph, at most `SNIPPET_CHARS_MAX` characters: what answers when the title alone says what was asked."""
    block = _outline_of(body).opening()
    return _cut(body[block.start : block.end].strip(), 0)


def _places(folded: str, word: str, outline: _Outline) -> Iterator[tuple[_Block, bool]]:
    """The blocks in which a word stands, the first `PLACES_MAX`; whether each is a heading."""
    at = folded.find(word)
    for _ in range(PLACES_MAX):
        if at < 0:
            return
        block, heading = outline.place(at)
        yield block, heading
        at = folded.find(word, max(block.end, at + len(word)))


def _sentence(folded: str, block: _Block, words: Mapping[str, tuple[int, float]]) -> tuple[int, int]:
    """From where to where the sentence goes that says most, the first of equals."""
    best = (-1.0, block.start, block.end)
    for piece in _SENTENCE.finditer(folded, block.start, block.end):
        held = _worth((word for word in words if word in piece[0]), words)
        if held > best[0]:
            best = held, piece.start(), piece.end()
    return best[1], best[2]


def _cut(text: str, at: int) -> str:
    """`text` in one line, around position `at`, with an ellipsis where it was cut."""
    start = 0 if at < SNIPPET_CHARS_MAX * 3 // 4 else at - SNIPPET_CHARS_MAX // 4
    room = SNIPPET_CHARS_MAX - (start > 0)
    piece = text[start : start + room].replace("\n", " ")
    if start + room < len(text):
        piece = piece[:-1] + "…"
    return ("…" if start > 0 else "") + piece
