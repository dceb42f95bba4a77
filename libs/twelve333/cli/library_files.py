"""Reads files and folders into entries: what is wrong is kept with its place and reason, the rest goes on.

Markdown and Word files are an entry each, CSV and Excel files an entry a row. Read twice, the same files give the same entries, so that
importing again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from ..adapters.foreign_files import TABLE_BYTES_MAX, csv_rows, excel_rows, read_bytes, read_text, word_markdown
from ..catalogue.catalogue import sentence
from ..core.decision import Code, FieldViolation, Kind, Refusal, Refused, refuse
from ..core.library import codes
from ..core.library.fields import ATTACHMENTS, entry_of, field_of, listed
from ..core.library.markdown import Guide, folder_region, head_of, headed, parse_file, succeed
from ..core.library.model import Entry, Provenance, ProvenanceStep
from ..core.library.parts import REFERENCE_CHARS_MAX
from ..core.library.rows import entry_of_row, heading_of
from ..core.library.rules import entry_violations
from ..data import units_2013
from ..data.resources import sample_files, topic_codes, topics
from .common import FILE_UNREADABLE

TABLES: Final[Mapping[str, Callable[[Path], Iterator[tuple[int, list[str]]]]]] = {".csv": csv_rows, ".xlsx": excel_rows}
OPEN_IN_OFFICE: Final = "~$"  # what Office writes beside a file that is open
SUFFIXES: Final = (".md", ".docx", *TABLES)
NOT_READ: Final = frozenset({".doc", ".wps", ".rtf", ".odt", ".pdf", ".txt", ".xls", ".et", ".ods"})  # may hold texts: left out, and named
NOTHING_TO_READ: Final = Code("CLI_NOTHING_TO_READ", Kind.INVALID)


@dataclass(frozen=True, slots=True)
class WrongFile:
    """What was left out: the file, in a table also row and column, with code and sentence."""

    file: str
    code: str
    message: str
    row: int = 0
    column: str = ""


@dataclass(slots=True)
class Reading:
    """What was read: entries, the place of each by id, the files to attach to it, and what was left out."""

    entries: list[Entry] = field(default_factory=list)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    attached: dict[str, list[Path]] = field(default_factory=dict)
    wrong: list[WrongFile] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one place of a file says: an entry or what is wrong with it, and the names of files to attach."""

    row: int
    entry: Entry | FieldViolation | Refusal
    attached: tuple[str, ...] = ()


def readable_files(folder: Path) -> list[Path]:
    """The files below `folder` that hold entries, or the file itself, in a fixed order; what is hidden is left alone.

    Those that are not read come last: by then it is known what only stands beside an entry to be attached.

    Raises:
        Refused: CLI_FILE_UNREADABLE, CLI_NOTHING_TO_READ.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise Refused(refuse(FILE_UNREADABLE, path=folder, reason="no such file or folder"))
    found = (path for path in folder.rglob("*") if path.suffix.lower() in {*SUFFIXES, *NOT_READ} and path.is_file())
    shown = (path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    paths = [path for path in shown if not path.name.startswith(OPEN_IN_OFFICE)]
    if not paths:
        raise Refused(refuse(NOTHING_TO_READ, path=folder))
    return sorted(paths, key=lambda path: (path.suffix.lower() in NOT_READ, path))


def read_files(root: Path, paths: Iterable[Path], locale: str, *, imported: bool = False) -> Reading:
    """Read `paths` below `root`; versions of one document are closed against each other at the end.

    Args:
        root: folder that names of files are told from.
        paths: files.
        locale: language of sentences.
        imported: write into each entry which file it was read from.
    """
    guide, reading = Guide(topics(), _places()), Reading()
    around = (root if root.is_dir() else root.parent).resolve().parts  # a region's own folder may be the root, or above it
    for path in paths:
        name = path.relative_to(root).parts if path != root else (path.name,)
        if path.suffix.lower() in NOT_READ and any(path.resolve() in files for files in reading.attached.values()):
            continue
        try:
            for found in _found((*around, *name), path, guide):
                _take(reading, "/".join(name), path, found, locale, imported)
        except Refused as refused:
            _leave(reading, "/".join(name), _Found(0, refused.refusal), locale)
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


def _found(name: Sequence[str], path: Path, guide: Guide) -> Iterator[_Found]:
    """What a file says, place by place."""
    suffix = path.suffix.lower()
    if suffix in TABLES:
        yield from _rows(path, TABLES[suffix](path), folder_region(name[:-1]))
    elif suffix == ".docx":
        yield _word(name, path, guide)
    elif suffix != ".md":
        raise Refused(refuse(codes.FILE_KIND_UNKNOWN, file=path.name))
    else:
        text = read_text(path)
        yield _Found(0, parse_file([*name[:-1], f"{path.stem}.md"], text, guide), listed(head_of(text).get(ATTACHMENTS, "")))


def _rows(path: Path, rows: Iterator[tuple[int, list[str]]], region: str) -> Iterator[_Found]:
    """The entries of a table, whose first row names the columns; a row that names no region is of `region`."""
    _, first = next(rows, (0, []))
    heading = heading_of(first)
    if heading.missing:
        raise Refused(refuse(codes.FILE_COLUMNS_MISSING, file=path.name, columns=", ".join(heading.missing)))
    if heading.twice:
        raise Refused(refuse(codes.FILE_COLUMN_TWICE, file=path.name, columns=", ".join(heading.twice)))
    at = heading.fields.index(ATTACHMENTS) if ATTACHMENTS in heading.fields else None
    for number, cells in rows:
        entry = entry_of_row(heading, cells, region)
        if entry is not None:
            yield _Found(number, entry, listed(cells[at]) if at is not None and at < len(cells) else ())


def _word(name: Sequence[str], path: Path, guide: Guide) -> _Found:
    """The entry of a Word file: named fields in a table at its front, else a policy text named by file and folder.

    Most texts have no heading by style: what stands first in the file's name is the title, as it is in the first line of the text.
    """
    head, text = word_markdown(path)
    fields = {field_of(key): value for key, value in head.items()}
    if fields and "" not in fields and "kind" in fields:
        return _Found(0, entry_of({"region": folder_region(name[:-1]), **fields}, text), listed(fields.get(ATTACHMENTS, "")))
    return _Found(0, parse_file([*name[:-1], f"{path.stem}.md"], headed(path.stem, text), guide))


def _take(reading: Reading, file: str, path: Path, found: _Found, locale: str, imported: bool) -> None:
    """Take an entry that is in order; else remember why not."""
    entry = found.entry
    if isinstance(entry, Entry):
        # The hub knows all codes: one that is unknown here may be known there, or waits there to be mapped.
        wrong = next((one for one in entry_violations(entry, topic_codes()) if one.code is not codes.TOPIC_UNKNOWN), None)
        other, other_row = reading.places.get(entry.id, ("", 0))
        place = f"{other}:{other_row}" if other_row else other
        twice = FieldViolation("id", codes.FILE_VERSION_TWICE, {"place": place}) if other else None
        if not (fault := wrong or twice):
            reading.places[entry.id] = file, found.row
            reading.attached |= {entry.id: [_beside(path, name) for name in found.attached]} if found.attached else {}
            reading.entries.append(_with_source(entry, file, path, found.row) if imported else entry)
            return
        found = replace(found, entry=fault)
    _leave(reading, file, found, locale)


def _leave(reading: Reading, file: str, found: _Found, locale: str) -> None:
    """Remember what was left out, and why."""
    if isinstance(found.entry, FieldViolation):
        column, said = found.entry.path, sentence(found.entry.code, found.entry.params, locale)
        message = said if found.row else f"{column}: {said}"
        reading.wrong.append(WrongFile(file, found.entry.code.name, message, found.row, column if found.row else ""))
    elif isinstance(found.entry, Refusal):
        reading.wrong.append(WrongFile(file, found.entry.code.name, sentence(found.entry.code, found.entry.params, locale), found.row))


def _with_source(entry: Entry, file: str, path: Path, row: int) -> Entry:
    """The entry with the file that it was read from as the last step of its provenance; the hash is of a file that is one entry."""
    digest = b"" if row else sha256(read_bytes(path, TABLE_BYTES_MAX)).digest()
    step = Provenance(ProvenanceStep.IMPORTED, reference=file[-REFERENCE_CHARS_MAX:], digest=digest)
    return replace(entry, provenance=(*entry.provenance, step))


def _beside(path: Path, name: str) -> Path:
    """A file to attach, beside or below the file that names it.

    Raises:
        Refused: CLI_FILE_UNREADABLE, also for a name that leads elsewhere.
    """
    target = (path.parent / name).resolve()
    if not target.is_file() or path.parent.resolve() not in target.parents:
        raise Refused(refuse(FILE_UNREADABLE, path=name, reason="no such file beside it"))
    return target


def _places() -> Mapping[str, str]:
    """Names of units with their codes, to narrow a text to its city."""
    return {unit.name: unit.code for unit in units_2013()}
