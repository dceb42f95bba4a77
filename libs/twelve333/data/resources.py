"""Loads what the project carries for the library: topics, the lexicon of the spoken lane, and the sample entries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from twelve333.core.decision import Refusal, Refused
from twelve333.core.library.lexicon import lexicon_of
from twelve333.core.library.markdown import Topic
from twelve333.core.library.search import Lexicon
from twelve333.core.library.topics import TopicCode, read_table


@cache
def topic_table() -> tuple[TopicCode, ...]:
    """The classification: ours until the ministry's table is published as an entry of the library."""
    return tuple(read_table((files(__package__) / "topics.csv").read_text(encoding="utf-8"))[0])


@cache
def topics() -> tuple[Topic, ...]:
    """The codes with the words by which a title is recognised."""
    return tuple(Topic(one.code, one.keywords) for one in topic_table())


@cache
def topic_codes() -> frozenset[str]:
    """The classification codes in use."""
    return frozenset(topic.code for topic in topics())


@cache
def lexicon() -> Lexicon:
    """Synonyms and stop words of the spoken lane, the national ones."""
    found = lexicon_of(_text("synonyms.txt"), _text("stop_words.txt"))
    if isinstance(found, Refusal):
        raise Refused(found)
    return found


def sample_files() -> Iterator[tuple[tuple[str, ...], str]]:
    """The sample entries of the project: folder and file name, and text, in a fixed order."""
    root = files(__package__) / "library"
    for folder in sorted(root.iterdir(), key=_name):
        for file in sorted(folder.iterdir(), key=_name):
            yield (folder.name, file.name), file.read_text(encoding="utf-8")


def _name(item: Traversable) -> str:
    """Sort key."""
    return item.name


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
