"""Where in a text a hit stands: the article to quote, and the sentence to read out.

Chinese statutes number their articles `第十七条` at the start of a paragraph, under chapters `第三章`; a caller is told the article.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .search import fold

SNIPPET_CHARS_MAX: Final = 160
_NUMBER = "[一二三四五六七八九十百千零〇0-9]+"
_ARTICLE = re.compile(rf"^(第{_NUMBER}条(?:之{_NUMBER})?)[ \u3000]*(.*)$")
_CHAPTER = re.compile(rf"^#*[ \u3000]*(第{_NUMBER}[编章节](?:[ \u3000]+.*)?)$")


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text: under which chapter and article (empty if there is none), and what it says."""

    chapter: str
    article: str
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What to read out: the article it stands in, the words around the hit, and which words hit."""

    article: str
    snippet: str
    matched: tuple[str, ...]


def passages(body: str) -> list[Passage]:
    """The articles of a text in order; a text without articles is parted at its headings and blank lines."""
    found: list[Passage] = []
    chapter, article = "", ""
    for line in (raw.strip() for raw in body.splitlines()):
        if heading := _CHAPTER.match(line):
            chapter, article = " ".join(heading[1].split()), ""
        elif opening := _ARTICLE.match(line):
            article = opening[1]
            found.append(Passage(chapter, article, opening[2]))
        elif line.startswith("#"):
            chapter, article = line.lstrip("# "), ""
        elif line and article and found:
            found[-1] = Passage(chapter, article, f"{found[-1].text}\n{line}".strip())
        elif line:
            found.append(Passage(chapter, "", line))
    return found


def quote(body: str, words: Iterable[str]) -> Quote:
    """The passage of `body` with most of the folded `words`, cut around the first of them to `SNIPPET_CHARS_MAX` characters."""
    wanted = sorted(dict.fromkeys(words), key=len, reverse=True)
    parts = passages(body)
    if not parts:
        return Quote("", "", ())
    best = max(range(len(parts)), key=lambda i: (sum(len(w) for w in wanted if w in fold(parts[i].text)), -i))
    passage = parts[best]
    folded = fold(passage.text)
    matched = tuple(word for word in wanted if word in folded)
    first = min((folded.index(word) for word in matched), default=0)
    return Quote(passage.article, _cut(passage.text, first), matched)


def _cut(text: str, at: int) -> str:
    """`text` in one line, around position `at`, with an ellipsis where it was cut."""
    start = 0 if at < SNIPPET_CHARS_MAX * 3 // 4 else at - SNIPPET_CHARS_MAX // 4
    room = SNIPPET_CHARS_MAX - (start > 0)
    piece = text[start : start + room].replace("\n", " ")
    if start + room < len(text):
        piece = piece[:-1] + "…"
    return ("…" if start > 0 else "") + piece
