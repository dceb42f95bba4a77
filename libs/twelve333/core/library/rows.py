"""A row of a table becomes an entry; what is wrong is said with its column, so that it can be mended where it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..decision import FieldViolation
from . import codes
from .export import LED
from .fields import entry_of, field_of
from .model import Entry

NEEDED: Final = ("id", "kind", "title", "body", "topics")
_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"})  # a formula that failed is no text
_BODY_ON: Final = re.compile(r"(?:body|正文) ?(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Heading:
    """The columns of a table: the field of each (empty: not ours, left out), what is not there, and the names that stand twice."""

    fields: tuple[str, ...]
    missing: tuple[str, ...]
    twice: tuple[str, ...] = ()


def heading_of(cells: Sequence[str]) -> Heading:
    """Read the first row of a table."""
    fields = tuple(f"body {on[1]}" if (on := _BODY_ON.fullmatch(cell.strip().lower())) else field_of(cell) for cell in cells)
    twice = (cell.strip() for place, cell in enumerate(cells) if fields[place] and fields[place] in fields[:place])
    return Heading(fields, tuple(name for name in NEEDED if name not in fields), tuple(dict.fromkeys(twice)))


def entry_of_row(heading: Heading, cells: Sequence[str], region: str = "") -> Entry | FieldViolation | None:
    """Read one row; None for an empty one.

    Args:
        heading: of the table.
        cells: as text; what stands under no known column is left out. A text that one cell cannot hold goes on in `body 2`, `body 3` ….
        region: of a row that names none; empty for the whole country.
    """
    held = {name: _plain(cell) for name, cell in zip(heading.fields, cells, strict=False) if name}
    if not any(cell.strip() for cell in held.values()):
        return None
    body = "".join(held.pop(name) for name in sorted(held, key=_place) if name.startswith("body"))
    named = {name: cell.strip() for name, cell in held.items()}
    if not named.get("id"):
        return FieldViolation("id", codes.ID_MALFORMED, {"id": ""})
    stated = {name: value for name, value in _as_codes(named).items() if value and not (name == "title" and value in _ERRORS)}
    return entry_of({"region": region, **stated}, "" if body in _ERRORS else body)


def _place(name: str) -> int:
    """The place of a part of the text among its parts."""
    return int(name.partition(" ")[2] or 1)


def _plain(cell: str) -> str:
    """A cell without the apostrophe that an export leads it by."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(LED) else cell


def _as_codes(named: Mapping[str, str]) -> dict[str, str]:
    """Codes that a spreadsheet took for numbers get back the zeros that it dropped: topic 101 is 0101, region 0 is 000000."""
    mended = dict(named)
    topics = named.get("topics", "")
    if topics.isdigit() and len(topics) % 2:
        mended["topics"] = f"0{topics}"
    for name in ("region", "owner_unit"):
        if named.get(name, "").isdigit():
            mended[name] = named[name].zfill(6)
    return mended
