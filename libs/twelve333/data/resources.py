"""Loads what the project carries for the library: topics, the lexicon of the spoken lane, and the sample entries."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from twelve333.core.library.markdown import Topic
from twelve333.core.library.search import Lexicon


@cache
def topics() -> tuple[Topic, ...]:
    """The classification: ours until the ministry's table is loaded; keywords recognise a topic in a title."""
    text = (files(__package__) / "topics.csv").read_text(encoding="utf-8")
    return tuple(Topic(row["code"], tuple(filter(None, row["keywords"].split("|")))) for row in csv.DictReader(text.splitlines()))


@cache
def topic_codes() -> frozenset[str]:
    """The classification codes in use."""
    return frozenset(topic.code for topic in topics())


@cache
def lexicon() -> Lexicon:
    """Synonyms and stop words of the spoken lane."""
    synonyms: dict[str, list[str]] = {}
    for line in _lines("synonyms.txt"):
        left, one_way, right = line.partition(" > ")
        group = right.split() if one_way else line.split()
        for phrase in [left] if one_way else group:
            synonyms.setdefault(phrase, []).extend(other for other in group if other != phrase)
    return Lexicon({phrase: tuple(others) for phrase, others in synonyms.items()}, frozenset(" ".join(_lines("stop_words.txt")).split()))


def sample_files() -> Iterator[tuple[tuple[str, ...], str]]:
    """The sample entries of the project: folder and file name, and text, in a fixed order."""
    root = files(__package__) / "library"
    for folder in sorted(root.iterdir(), key=_name):
        for file in sorted(folder.iterdir(), key=_name):
            yield (folder.name, file.name), file.read_text(encoding="utf-8")


def _name(item: Traversable) -> str:
    """Sort key."""
    return item.name


def _lines(name: str) -> list[str]:
    """The lines of a data file that are no comment."""
    text = (files(__package__) / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
