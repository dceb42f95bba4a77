"""Units from a CSV file, for hundreds at once.

Columns: `unit_code, unit_name, level` (province, prefecture, or county of one directly under its province), then, each optional, `status`
(ministry only), `with_system` (1 or 0; as it is if it is not said) and what the unit declares: `hours`, `languages`, `topics`, `seats`,
`target`, `fallbacks`, `areas`, `voicemail` (lists with `;`). A row with a `target` declares; one without leaves the declaration as it is.
Hours are `always`, or weekdays and spans such as `1-5 08:30-12:00 13:30-17:30; 6 09:00-12:00`. All mistakes are named at once, and nothing
that stands in a file is passed over: a column that means nothing here may be one that is misspelt.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from ..api.coverage.v1 import coverage_pb2
from ..api.registration.v1 import registration_pb2, service_pb2
from ..core.decision import Code, FieldViolation, Kind, Refusal, Refused, refuse
from ..core.ids import is_unit_code
from ..core.registration.model import UnitStatus
from ..wire.declarations import weekly_to_wire
from .hours_text import parse_week

COLUMNS_MISSING: Final = Code("CLI_UNIT_COLUMNS_MISSING", Kind.INVALID)
COLUMNS_UNKNOWN: Final = Code("CLI_UNIT_COLUMNS_UNKNOWN", Kind.INVALID)
ROWS_WRONG: Final = Code("CLI_UNIT_ROW_WRONG", Kind.INVALID)
CELL_WRONG: Final = Code("CLI_CELL_WRONG", Kind.INVALID)
ROW_TWICE: Final = Code("CLI_ROW_TWICE", Kind.INVALID)

MISTAKES_MAX: Final = 20
_LEVELS: Final = {
    "province": registration_pb2.LEVEL_PROVINCE,
    "prefecture": registration_pb2.LEVEL_PREFECTURE,
    "county": registration_pb2.LEVEL_PREFECTURE,  # one that stands directly under its province is counted like a prefecture
}
_STATUSES: Final = {"", *(status.value for status in UnitStatus)}
_YES_NO: Final = {"": False, "1": True, "0": False, "yes": True, "no": False, "true": True, "false": False, "是": True, "否": False}
_REQUIRED: Final = ("unit_code", "unit_name", "level")
_OPTIONAL: Final = ("status", "with_system", "hours", "languages", "topics", "seats", "target", "fallbacks", "areas", "voicemail")
_TOLD_BY_THE_CODE: Final = ("province_code", "province_name")
_CELL_CHARS_MAX: Final = 40


def parse_units(text: str, name: str, with_system: Mapping[str, bool] = MappingProxyType({})) -> list[service_pb2.UnitEntry]:
    """Read units from the text of a CSV file.

    Args:
        text: the content, first line the names of the columns.
        name: of the file, for the complaint.
        with_system: of units by code, where a row does not say; else they have none.

    Raises:
        Refused: a column is missing or means nothing, or rows are wrong (each by line, column and cell).
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""), restkey="")
    try:
        _check_columns(reader, name)
        entries, mistakes = _read(reader, with_system)
    except csv.Error:  # a cell of more than 128 KiB, say
        entries, mistakes = [], [_mistake(reader.line_num + 1, "CSV", "")]
    if mistakes:
        raise Refused(Refusal(ROWS_WRONG, {"path": name, "count": str(len(mistakes))}, tuple(mistakes[:MISTAKES_MAX])))
    return entries


def _check_columns(reader: csv.DictReader[str], name: str) -> None:
    reader.fieldnames = columns = [column.strip() for column in reader.fieldnames or ()]
    missing = sorted(set(_REQUIRED) - set(columns))
    if missing:
        raise Refused(refuse(COLUMNS_MISSING, path=name, columns=", ".join(missing)))
    unknown = [column for column in columns if column and column not in (*_REQUIRED, *_OPTIONAL, *_TOLD_BY_THE_CODE)]
    if unknown:
        raise Refused(refuse(COLUMNS_UNKNOWN, path=name, columns=", ".join(unknown)[:120], known=", ".join((*_REQUIRED, *_OPTIONAL))))


def _read(reader: csv.DictReader[str], with_system: Mapping[str, bool]) -> tuple[list[service_pb2.UnitEntry], list[FieldViolation]]:
    entries, mistakes, seen = list[service_pb2.UnitEntry](), list[FieldViolation](), set[str]()
    for cells in reader:
        line, further = reader.line_num, cells.pop("", None)
        row = {column: (cell or "").strip() for column, cell in cells.items()}
        wrong = [(column, row.get(column, "")) for column in _wrong(row)]
        wrong += [("CSV", cell) for cell in further or () if cell.strip()]  # beyond the last column
        mistakes += [_mistake(line, column, value) for column, value in wrong]
        if row["unit_code"] in seen:
            mistakes.append(FieldViolation(row["unit_code"][:6], ROW_TWICE, {"line": str(line), "code": row["unit_code"][:6]}))
        seen.add(row["unit_code"])
        if not mistakes:
            entries.append(_entry(row, with_system))
    return entries, mistakes


def _wrong(row: Mapping[str, str]) -> Iterator[str]:
    """The columns whose cell cannot be understood."""
    said = {column: row.get(column, "") for column in _OPTIONAL}
    if not is_unit_code(row["unit_code"]):
        yield "unit_code"
    if not row["unit_name"]:
        yield "unit_name"
    if row["level"] not in _LEVELS:
        yield "level"
    if said["status"].lower() not in _STATUSES:
        yield "status"
    yield from (column for column in ("with_system", "voicemail") if said[column].lower() not in _YES_NO)
    if said["seats"] and not (said["seats"].isascii() and said["seats"].isdigit()):
        yield "seats"
    try:
        _hours(said["hours"])
    except ValueError:
        yield "hours"


def _mistake(line: int, column: str, value: str) -> FieldViolation:
    return FieldViolation(column, CELL_WRONG, {"line": str(line), "column": column, "value": value[:_CELL_CHARS_MAX]})


def _entry(row: Mapping[str, str], with_system: Mapping[str, bool]) -> service_pb2.UnitEntry:
    code, said = row["unit_code"], row.get("with_system", "")
    system = _YES_NO[said.lower()] if said else with_system.get(code, False)
    status = registration_pb2.UnitStatus.Value(f"UNIT_STATUS_{(row.get('status') or 'unspecified').upper()}")
    unit = registration_pb2.Unit(code=code, name=row["unit_name"], level=_LEVELS[row["level"]], status=status, with_system=system)
    return service_pb2.UnitEntry(unit=unit, declaration=_declaration(row) if row.get("target") else None)


def _declaration(row: Mapping[str, str]) -> coverage_pb2.Declaration:
    return coverage_pb2.Declaration(
        unit=row["unit_code"],
        areas=_items(row.get("areas", "")) or [row["unit_code"]],
        topics=_items(row.get("topics", "")) or ["*"],
        languages=_items(row.get("languages", "")) or ["zh"],
        hours=_hours(row.get("hours", "")),
        seats=int(row.get("seats") or 0),
        target=row["target"],
        fallbacks=_items(row.get("fallbacks", "")),
        voicemail=_YES_NO[row.get("voicemail", "").lower()],
    )


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(";") if item.strip()]


def _hours(text: str) -> coverage_pb2.Hours:
    return coverage_pb2.Hours(always=True) if text == "always" else coverage_pb2.Hours(weekly=weekly_to_wire(parse_week(text)))
