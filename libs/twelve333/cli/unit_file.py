"""Units from a CSV file, for hundreds at once.

Columns: `unit_code, unit_name, level` (province, prefecture, or county of one directly under its province), then, each optional, `status`
(ministry only), `with_system` (1 or 0; as it is if it is not said) and what the unit declares: `hours`, `languages`, `topics`, `seats`,
`target`, `fallbacks` (lists with `;`). A row with a `target` declares; one without leaves the declaration as it is. Hours are
`always`, or weekdays and spans such as `1-5 08:30-12:00 13:30-17:30; 6 09:00-12:00`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..api.coverage.v1 import coverage_pb2
from ..api.registration.v1 import registration_pb2, service_pb2
from ..core.decision import Code, Kind, Refused, refuse
from ..wire.declarations import weekly_to_wire
from .hours_text import parse_week

COLUMNS_MISSING: Final = Code("CLI_UNIT_COLUMNS_MISSING", Kind.INVALID)
ROW_WRONG: Final = Code("CLI_UNIT_ROW_WRONG", Kind.INVALID)

_LEVELS: Final = {
    "province": registration_pb2.LEVEL_PROVINCE,
    "prefecture": registration_pb2.LEVEL_PREFECTURE,
    "county": registration_pb2.LEVEL_PREFECTURE,  # one that stands directly under its province is counted like a prefecture
}
_REQUIRED: Final = {"unit_code", "unit_name", "level"}


def parse_units(text: str, name: str, with_system: Mapping[str, bool] = MappingProxyType({})) -> list[service_pb2.UnitEntry]:
    """Read units from the text of a CSV file.

    Args:
        text: the content, first line the names of the columns.
        name: of the file, for the complaint.
        with_system: of units by code, where a row does not say; else they have none.

    Raises:
        Refused: a required column is missing, or a row is wrong (the first one, by line and column).
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    try:
        return _entries(reader, name, with_system)
    except csv.Error as error:  # a cell of more than 128 KiB, say
        raise Refused(refuse(ROW_WRONG, path=name, line=reader.line_num + 1, column="CSV", value="")) from error


def _entries(reader: csv.DictReader[str], name: str, with_system: Mapping[str, bool]) -> list[service_pb2.UnitEntry]:
    missing = _REQUIRED - set(reader.fieldnames or ())
    if missing:
        raise Refused(refuse(COLUMNS_MISSING, path=name, columns=", ".join(sorted(missing))))
    rows = ({key: (value or "").strip() for key, value in row.items() if key} for row in reader)
    return [_entry(row, name, reader.line_num, with_system) for row in rows]


def _entry(row: Mapping[str, str], name: str, line: int, with_system: Mapping[str, bool]) -> service_pb2.UnitEntry:
    column = "level"
    try:
        level = _LEVELS[row["level"]]
        column = "status"
        status = registration_pb2.UnitStatus.Value(f"UNIT_STATUS_{(row.get('status') or 'unspecified').upper()}")
        column = "hours, seats"
        declaration = _declaration(row) if row.get("target") else None
    except (ValueError, KeyError) as error:
        raise Refused(refuse(ROW_WRONG, path=name, line=line, column=column, value=row.get(column, "")[:40])) from error
    code, said = row["unit_code"], row.get("with_system", "")
    system = said == "1" if said else with_system.get(code, False)
    unit = registration_pb2.Unit(code=code, name=row["unit_name"], level=level, status=status, with_system=system)
    return service_pb2.UnitEntry(unit=unit, declaration=declaration)


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
        voicemail=row.get("voicemail") == "1",
    )


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(";") if item.strip()]


def _hours(text: str) -> coverage_pb2.Hours:
    return coverage_pb2.Hours(always=True) if text == "always" else coverage_pb2.Hours(weekly=weekly_to_wire(parse_week(text)))
