"""A labelled set of questions as callers ask them, and how many of them have their answer among the first five.

Labels are entries of the project's sample, or articles of national statutes (`《title》第N条`), which are not part of the project: those
are asked only where the folder of policy texts is.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twelve333.adapters.sql.search import Found
from twelve333.cli.library_files import read_files, readable_files
from twelve333.core.library.articles import passages
from twelve333.core.library.model import Entry, EntryKind

FIRST: Final = 5
QUESTIONS: Final = Path(__file__).with_name("questions.csv")
HELD_OUT: Final = Path(__file__).with_name("questions_held_out.csv")  # written before a change of the ranking, and looked at after it only
_NATION: Final = "中华人民共和国"


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the labels any of which answers it."""

    text: str
    expected: tuple[str, ...]

    @property
    def of_statutes(self) -> bool:
        """Whether an article of a statute answers it."""
        return self.expected[0].startswith("《")


def questions(of: Path = QUESTIONS) -> list[Question]:
    """All of one set."""
    rows = csv.DictReader(of.read_text(encoding="utf-8").splitlines())
    return [Question(row["question"], tuple(row["expected"].split("|"))) for row in rows]


def statutes() -> list[Entry]:
    """The policy texts beside the checkout or below TWELVE333_SHARED; none where they are absent."""
    folder = Path(os.environ.get("TWELVE333_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "library"
    return read_files(folder, readable_files(folder), "en").entries if folder.is_dir() else []


def articles(texts: Sequence[Entry]) -> list[Entry]:
    """The texts cut into their articles, an entry each."""
    made: list[Entry] = []
    for text in texts:
        for number, part in enumerate(passages(text.body)):
            title = f"{text.title} {part.article}".strip()[:200]
            made.append(Entry(f"{text.id}.{number}", text.kind, title, part.text or part.article, text.topics, text.region))
    return made


async def answered(asked: Sequence[Question], search: Callable[[str, EntryKind | None], Awaitable[Found]]) -> list[Question]:
    """The questions whose answer is not among the first `FIRST` hits; those about statutes look among policies."""
    missed: list[Question] = []
    for one in asked:
        found = await search(one.text, EntryKind.POLICY if one.of_statutes else None)
        told = {label for hit in found.hits[:FIRST] for label in (hit.entry.id, f"《{_short(hit.entry.title)}》{hit.quote.article}")}
        if told.isdisjoint(one.expected):
            missed.append(one)
    return missed


def _short(title: str) -> str:
    return title.removeprefix(_NATION)
