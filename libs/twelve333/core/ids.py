"""Identifiers that every capability shares: unit and province codes, member names, ids made by the asker.

Unit codes are the six digits of GB/T 2260 (province 2, prefecture 2, county 2); the Corps (兵团) uses 660000, which is
common use and not part of the standard.
"""

from __future__ import annotations

import re
from typing import Final

from .decision import Code, Kind, Refusal, refuse

HUB: Final = "hub"
ID_CHARS_MAX: Final = 64
_SHOWN_CHARS: Final = 8

UNIT_CODE_MALFORMED: Final = Code("COMMON_UNIT_CODE_MALFORMED", Kind.INVALID)
ID_MALFORMED: Final = Code("COMMON_ID_MALFORMED", Kind.INVALID)
ID_PERSONAL: Final = Code("COMMON_ID_PERSONAL", Kind.INVALID)
MEMBER_MALFORMED: Final = Code("COMMON_MEMBER_MALFORMED", Kind.INVALID)

_UNIT = re.compile(r"[1-9]\d{5}")
_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{ID_CHARS_MAX - 1}}}")

_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_CITIZEN = re.compile(r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]", re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_unit_code(text: str) -> bool:
    """Whether `text` has the shape of a GB/T 2260 code: six ASCII digits, the first not zero."""
    return _UNIT.fullmatch(text) is not None and text.isascii()


def is_province_code(text: str) -> bool:
    """Whether `text` is a province-level code: a unit code that ends in 0000."""
    return is_unit_code(text) and text.endswith("0000")


def province_of(unit: str) -> str:
    """The province-level code above `unit` (itself, if it is one): 350100 -> 350000, 659012 -> 650000."""
    return unit[:2] + "0000"


def parent_of(unit: str) -> str | None:
    """The code one level up by digits: county -> prefecture -> province -> None."""
    if not unit.endswith("00"):
        return unit[:4] + "00"
    return None if unit.endswith("0000") else province_of(unit)


def is_within(unit: str, region: str) -> bool:
    """Whether `unit` is `region` or lies inside it, by digits."""
    if region.endswith("0000"):
        return province_of(unit) == region
    return unit.startswith(region[:4]) if region.endswith("00") else unit == region


def is_member(text: str) -> bool:
    """Whether `text` names a member of the federation: `hub`, a province, or a unit with a node of its own."""
    return text == HUB or is_unit_code(text)


def shown(text: str) -> str:
    """What a refusal may repeat of a malformed code or id: its beginning, since somebody may have typed a person's name or number there."""
    return text if len(text) <= _SHOWN_CHARS and text.isascii() else f"{text[:2]}…"


def check_unit_code(text: str) -> Refusal | None:
    """Refuse what has not the shape of a unit code."""
    return None if is_unit_code(text) else refuse(UNIT_CODE_MALFORMED, code=shown(text))


def check_id(text: str) -> Refusal | None:
    """Refuse an id that the asker made badly (1 to 64 of letters, digits, `_`, `.`, `-`; first a letter or digit).

    One that is a person's number is refused too: ids stand in logs and audit records, where nothing personal may.
    """
    if not _ID.fullmatch(text):
        return refuse(ID_MALFORMED, id=shown(text))
    return refuse(ID_PERSONAL, id=shown(text)) if is_persons_number(text) else None


def is_persons_number(text: str) -> bool:
    """Whether this is a mobile number, or an ID number: 18 characters with a date of birth and the check digit of GB 11643."""
    if _MOBILE.fullmatch(text):
        return True
    if not _CITIZEN.fullmatch(text):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == text[17].upper()
