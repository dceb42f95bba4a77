"""The classification: the ministry's codes, the codes that a region hangs under them, and what became of codes over time.

A table of codes is an entry of the library like any other, so it is versioned, under the signature of the release, and on every desk. A
code is never taken out: it is deprecated, merged into another, or split into several, and says so. Whatever a code was, it rolls up to a
code of the ministry that is in use: a local code through the one it hangs under, an unknown one through its beginning, at last to `99`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ..decision import Code, FieldViolation, Kind
from ..ids import is_unit_code, is_within
from .model import NATIONAL, Entry

OTHER: Final = "99"
MINISTRY_TABLE: Final = "topics"
CODES_MAX: Final = 20_000
TABLE_MALFORMED: Final = Code("LIBRARY_TOPIC_TABLE_MALFORMED", Kind.INVALID)
TABLE_CODE: Final = Code("LIBRARY_TOPIC_TABLE_CODE", Kind.INVALID)
TABLE_BECOMES: Final = Code("LIBRARY_TOPIC_TABLE_BECOMES", Kind.INVALID)

_NATIONAL_CODE: Final = re.compile(r"\d{2}(?:\d{2}){0,4}", re.ASCII)
_LOCAL_CODE: Final = re.compile(r"(?P<base>\d{2}(?:\d{2}){0,4})\.(?P<region>[1-9]\d{5})-(?P<own>[A-Za-z0-9_.-]{1,32})", re.ASCII)
_COLUMNS: Final = ("code", "name")


class Status(Enum):
    """What became of a code."""

    IN_USE = "in_use"
    DEPRECATED = "deprecated"  # still read, no longer to be given
    MERGED = "merged"  # into the one code of `becomes`
    SPLIT = "split"  # into the codes of `becomes`, the first for what nobody has looked at


@dataclass(frozen=True, slots=True)
class TopicCode:
    """A classification code, the words by which a title is recognised, and what became of it."""

    code: str
    name: str
    keywords: tuple[str, ...] = ()
    english: str = ""
    status: Status = Status.IN_USE
    becomes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Classification:
    """All codes in use and out of it, by code."""

    codes: Mapping[str, TopicCode] = field(default_factory=dict)

    def accepts(self, code: str) -> bool:
        """Whether an entry may be published under `code`: a ministry code that stands for itself, or a local one under such a code."""
        local = _LOCAL_CODE.fullmatch(code)
        if "." in code and local is None:
            return False
        own = self.codes.get(code)
        base = self.codes.get(local["base"] if local else code)
        return all(one is None or one.status in (Status.IN_USE, Status.DEPRECATED) for one in (own, base)) and base is not None

    def accepted(self) -> frozenset[str]:
        """The listed codes under which an entry may be published."""
        return frozenset(code for code in self.codes if self.accepts(code))

    def merged_into(self, code: str) -> str | None:
        """The code that stands for a merged one, a local code's for it under another base; None if no single code does."""
        seen: set[str] = set()
        while (known := self.codes.get(code)) and known.status is Status.MERGED and code not in seen:
            seen.add(code)
            code = known.becomes[0]
        if (local := _LOCAL_CODE.fullmatch(code)) and (base := self.codes.get(local["base"])) and base.status is Status.MERGED:
            code = f"{self.merged_into(local['base'])}.{local['region']}-{local['own']}"
            seen.add(code)
        return code if seen and self.accepts(code) else None

    def roll_up(self, code: str) -> str:
        """The ministry's code in use that `code` counts under in the national view; there always is one."""
        seen: set[str] = set()
        while code not in seen:
            seen.add(code)
            known = self.codes.get(code)
            if known and known.becomes and known.status in (Status.MERGED, Status.SPLIT):
                code = known.becomes[0]
            elif "." in code:
                code = code.partition(".")[0]
            elif known:
                return code
        return self._nearest(code)

    def _nearest(self, code: str) -> str:
        """The longest beginning of `code` that is a code in use, else `OTHER`."""
        for length in range(len(code) - 1, 1, -1):
            known = self.codes.get(code[:length])
            if known and known.status is not Status.MERGED and known.status is not Status.SPLIT:
                return known.code
        return OTHER


def classification_of(tables: Iterable[Entry], built_in: Iterable[TopicCode]) -> Classification:
    """The classification that the library's tables make; our own codes stand in until the ministry's table is there.

    Args:
        tables: entries of kind `topics`; what is wrong in one is left out.
        built_in: codes to use without a table of the ministry.
    """
    entries = sorted(tables, key=lambda entry: (entry.region != NATIONAL, entry.id))
    codes: dict[str, TopicCode] = {} if any(entry.region == NATIONAL for entry in entries) else {one.code: one for one in built_in}
    for entry in entries:
        codes.update((one.code, one) for one in read_table(entry.body)[0])
    return Classification(codes)


def read_table(body: str) -> tuple[list[TopicCode], list[FieldViolation]]:
    """Read a table: CSV with the columns `code` and `name`, and if wanted `en`, `keywords`, `status`, `becomes` (parted by `|`).

    Returns:
        The codes that are in order, and what is wrong, by line.
    """
    rows = csv.DictReader(body.strip().splitlines())
    if not set(_COLUMNS) <= set(rows.fieldnames or ()):
        return [], [FieldViolation("body", TABLE_MALFORMED)]
    codes: dict[str, TopicCode] = {}
    wrong: list[FieldViolation] = []
    for row in rows:
        one = _code(row)
        if one is None or one.code in codes or len(codes) >= CODES_MAX:
            wrong.append(FieldViolation("body", TABLE_CODE, {"line": str(rows.line_num), "topic": str(row.get("code"))[:48]}))
        else:
            codes[one.code] = one
    return list(codes.values()), wrong


def table_violations(entry: Entry, known: Classification) -> tuple[FieldViolation, ...]:
    """What is wrong with a table of codes: the ministry's holds national codes, a region's such as hang under one and are its own;
    a code that went out of use names codes that there are.

    Args:
        entry: of kind `topics`.
        known: the classification with this table in it.
    """
    codes, wrong = read_table(entry.body)
    for one in codes:
        local = _LOCAL_CODE.fullmatch(one.code)
        own = local is not None and is_within(local["region"], entry.region) and local["base"] in known.codes
        if not (_NATIONAL_CODE.fullmatch(one.code) if entry.region == NATIONAL else own):
            wrong.append(FieldViolation("body", TABLE_CODE, {"line": str(_line_of(entry.body, one.code)), "topic": one.code[:48]}))
        needed = {Status.MERGED: 1, Status.SPLIT: 2}.get(one.status, 0)
        if len(one.becomes) < needed or any(other == one.code or other not in known.codes for other in one.becomes):
            wrong.append(FieldViolation("body", TABLE_BECOMES, {"topic": one.code[:48]}))
    return tuple(wrong)


def _line_of(body: str, code: str) -> int:
    """The line of a table in which a code of it stands."""
    rows = enumerate(csv.reader(body.strip().splitlines()), 1)
    return next(number for number, cells in rows if code in map(str.strip, cells))


def _code(row: Mapping[str, str | None]) -> TopicCode | None:
    """A row of a table, None if it is not in order."""
    code, name = (row.get("code") or "").strip(), (row.get("name") or "").strip()
    statuses = {status.value: status for status in Status}
    status = statuses.get((row.get("status") or "in_use").strip())
    shaped = _NATIONAL_CODE.fullmatch(code) or ((local := _LOCAL_CODE.fullmatch(code)) and is_unit_code(local["region"]))
    if not shaped or not name or status is None:
        return None
    listed = {key: tuple(filter(None, (part.strip() for part in (row.get(key) or "").split("|")))) for key in ("keywords", "becomes")}
    return TopicCode(code, name, listed["keywords"], (row.get("en") or "").strip(), status, listed["becomes"])
