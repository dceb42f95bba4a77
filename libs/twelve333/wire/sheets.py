"""An entry's bytes as a sheet and back: field by field as serialised, so that one which this program does not know is compared and kept.

Left out are the id, which never changes, and the provenance, which the hub writes on as entries are accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

from ..api.library.v1 import library_pb2 as pb
from ..core.decision import Refusal, refuse
from ..core.library import codes
from ..core.library.sheets import Sheet, paragraphs_of, text_of

PROVENANCE: Final = pb.Entry.PROVENANCE_FIELD_NUMBER
_APART: Final = frozenset({pb.Entry.ID_FIELD_NUMBER, pb.Entry.BODY_FIELD_NUMBER, PROVENANCE})
_FIXED: Final = {1: 8, 5: 4}  # bytes of the wire types that have a fixed length
_VARINT, _LENGTH = 0, 2
SHOWN_CHARS_MAX: Final = 2000


def sheet_of(content: bytes) -> Sheet | Refusal:
    """What the bytes of an entry say; refuses what is no entry."""
    fields = raw_fields(content)
    try:
        body = pb.Entry.FromString(content).body
    except DecodeError:
        fields = None
    if fields is None:
        return refuse(codes.CONTENT_UNREADABLE)
    return Sheet({str(number): value for number, value in fields.items() if number not in _APART}, paragraphs_of(body))


def content_of_sheet(entry_id: str, sheet: Sheet, provenance: bytes = b"") -> bytes:
    """The bytes of an entry that says what the sheet does, fields in order of their numbers.

    Args:
        provenance: that field as serialised, all its occurrences.
    """
    apart = pb.Entry(id=entry_id, body=text_of(sheet.paragraphs)).SerializeToString(deterministic=True)
    values = {int(name): value for name, value in sheet.fields.items()} | dict(raw_fields(apart) or {}) | {PROVENANCE: provenance}
    return b"".join(values[number] for number in sorted(values))


def provenance_of(content: bytes) -> bytes:
    """The provenance of an entry, as serialised."""
    return (raw_fields(content) or {}).get(PROVENANCE, b"")


def keep_unknown(sheet: Sheet, base: Sheet | None) -> Sheet:
    """`sheet` with those fields of `base` that this program does not know: whoever wrote it could not see them."""
    unseen = {name: value for name, value in (base.fields if base else {}).items() if int(name) not in pb.Entry.DESCRIPTOR.fields_by_number}
    return Sheet({**unseen, **sheet.fields}, sheet.paragraphs)


def raw_fields(content: bytes) -> Mapping[int, bytes] | None:
    """Every field of a serialised message by number, all its occurrences as they stand there; None for what is no message."""
    fields: dict[int, bytes] = {}
    place = 0
    try:
        while place < len(content):
            start = place
            tag, place = _varint(content, place)
            place = _end_of(content, place, tag & 7)
            fields[tag >> 3] = fields.get(tag >> 3, b"") + content[start:place]
    except (IndexError, KeyError):
        return None
    return fields if place == len(content) and 0 not in fields else None


def field_name(name: str) -> str:
    """What people call a field of a sheet."""
    known = pb.Entry.DESCRIPTOR.fields_by_number.get(int(name)) if name.isdigit() else None
    return known.name if known else f"field {name}"


def field_shown(name: str, value: bytes) -> str:
    """A field of a sheet as people read it; one that this program does not know, in hexadecimal."""
    known = pb.Entry.DESCRIPTOR.fields_by_number.get(int(name)) if name.isdigit() else None
    try:
        read = getattr(pb.Entry.FromString(value), known.name) if known else value.hex()
    except DecodeError:
        read = value.hex()
    if known is None or not value or isinstance(read, str):
        return str(read)[:SHOWN_CHARS_MAX] if value else ""
    values = list(read) if known.is_repeated else [read]
    return "; ".join(_shown(known, each) for each in values)[:SHOWN_CHARS_MAX]


def _shown(field: FieldDescriptor, value: Any) -> str:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name.removeprefix("ENTRY_KIND_").lower() if known else str(value)
    return text_format.MessageToString(value, as_one_line=True, as_utf8=True) if field.message_type is not None else str(value)


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = content[place]
        value, place, shift = value | (byte & 0x7F) << shift, place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise KeyError(place)


def _end_of(content: bytes, place: int, kind: int) -> int:
    """Where a field ends whose value begins at `place`."""
    if kind == _VARINT:
        return _varint(content, place)[1]
    if kind == _LENGTH:
        length, place = _varint(content, place)
        return place + length
    return place + _FIXED[kind]
