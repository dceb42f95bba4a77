"""Reads a folder of Markdown into entries: what is wrong is kept with its file and reason, the rest goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..catalogue.catalogue import sentence
from ..core.decision import Refusal, Refused, refuse
from ..core.library import codes
from ..core.library.markdown import Guide, parse_file, succeed
from ..core.library.model import Entry
from ..core.library.rules import entry_violations
from ..data import units_2013
from ..data.resources import sample_files, topic_codes, topics
from .common import FILE_UNREADABLE

SUFFIX = ".md"


@dataclass(frozen=True, slots=True)
class WrongFile:
    """A file that was left out, with code and sentence."""

    file: str
    code: str
    message: str


@dataclass(slots=True)
class Reading:
    """What was read: entries, the file of each by id, and the files that were left out."""

    entries: list[Entry] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    wrong: list[WrongFile] = field(default_factory=list)


def markdown_files(folder: Path) -> list[Path]:
    """The Markdown files below `folder`, or the file itself, in a fixed order.

    Raises:
        Refused: CLI_FILE_UNREADABLE.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise Refused(refuse(FILE_UNREADABLE, path=folder, reason="no such file or folder"))
    return sorted(path for path in folder.rglob(f"*{SUFFIX}") if path.is_file())


def read_files(root: Path, paths: Iterable[Path], locale: str) -> Reading:
    """Read `paths` below `root`; versions of one document are closed against each other at the end."""
    guide, reading = Guide(topics(), _places()), Reading()
    for path in paths:
        name = path.relative_to(root).parts if path != root else (path.name,)
        _take(reading, "/".join(name), _parse(name, path, guide), locale)
    reading.entries = succeed(reading.entries)
    return reading


def sample_entries() -> list[Entry]:
    """The sample library that comes with the program.

    Raises:
        Refused: a sample file is not in order (a bug).
    """
    guide, entries = Guide(topics()), list[Entry]()
    for name, text in sample_files():
        entry = parse_file(name, text, guide)
        if isinstance(entry, Refusal):
            raise Refused(entry)
        entries.append(entry)
    return entries


def _parse(name: tuple[str, ...], path: Path, guide: Guide) -> Entry | Refusal:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return refuse(codes.FILE_UNREADABLE, file=name[-1])
    return parse_file(name, text, guide)


def _take(reading: Reading, file: str, parsed: Entry | Refusal, locale: str) -> None:
    """Take an entry that is in order; else remember why not."""
    if isinstance(parsed, Refusal):
        reading.wrong.append(WrongFile(file, parsed.code.name, sentence(parsed.code, parsed.params, locale)))
        return
    wrong = (one for one in entry_violations(parsed, topic_codes()) if one.code is not codes.TOPIC_UNKNOWN)  # the hub knows all codes
    for violation in wrong:
        why = sentence(violation.code, violation.params, locale)
        reading.wrong.append(WrongFile(file, violation.code.name, f"{violation.path}: {why}"))
        return
    if parsed.id in reading.files:
        reading.wrong.append(
            WrongFile(file, codes.FILE_VERSION_TWICE.name, sentence(codes.FILE_VERSION_TWICE, {"file": file.rpartition("/")[2]}, locale))
        )
        return
    reading.files[parsed.id] = file
    reading.entries.append(parsed)


def _places() -> Mapping[str, str]:
    """Names of units with their codes, to narrow a text to its city."""
    return {unit.name: unit.code for unit in units_2013()}
