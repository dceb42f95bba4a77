"""Makes inputs: messages filled at random by their schema, then bytes of them damaged as a hostile or broken peer would."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

DEPTH_MAX: Final = 4
REPEATS_MAX: Final = 3
DAMAGES_MAX: Final = 4
INPUT_BYTES_MAX: Final = 64 * 1024
_TEXTS: Final = (
    "",
    "hub",
    "350000",
    "320100",
    "pension",
    "养老保险",
    "x" * 70,
    "\x00",
    "case-1",
    "2026-03-02T01:00:00+00:00",
    "-1",
    "../..",
    "1e999",
)
_NUMBERS: Final = (0, 1, 2, 7, 127, 128, 255, 65_536, 2**31 - 1)
_LONG_NUMBERS: Final = (*_NUMBERS, 2**32, 1_772_413_105_798, 2**53, 2**63 - 1)
_PIECES: Final = (
    b"\xff" * 10,
    b"\x80" * 9 + b"\x01",
    b"\x00" * 16,
    b"[" * 900,
    b"{" * 60,
    b'":',
    b"Infinity",
    b"1e999",
    b"\xed\xa0\x80",
    b"\x0a\xff\xff\xff\x7f",
)
_UNSIGNED: Final = (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64)
_LONG: Final = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)


def filled(kind: type[Message], chance: Random, depth: int = 0) -> Message:
    """A message of this kind with some of its fields set, nested ones too."""
    message = kind()
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.25:
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            _fill_nested(message, field, chance, depth)
        elif field.is_repeated:
            getattr(message, field.name).extend(_scalar(field, chance) for _ in range(chance.randrange(REPEATS_MAX)))
        else:
            setattr(message, field.name, _scalar(field, chance))
    return message


def _fill_nested(message: Message, field: Any, chance: Random, depth: int) -> None:
    if depth >= DEPTH_MAX:
        return
    nested = getattr(message, field.name)
    if field.message_type.GetOptions().map_entry:
        if field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_STRING:
            nested[chance.choice(_TEXTS)] = chance.choice(_TEXTS)
    elif field.is_repeated:
        for _ in range(chance.randrange(REPEATS_MAX)):
            added = nested.add()
            added.CopyFrom(filled(type(added), chance, depth + 1))
    else:
        nested.CopyFrom(filled(type(nested), chance, depth + 1))


def _scalar(field: Any, chance: Random) -> object:
    kind = field.cpp_type
    if field.type == FieldDescriptor.TYPE_STRING:
        return chance.choice(_TEXTS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return chance.randbytes(chance.choice((0, 1, 31, 32, 64)))
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return chance.choice([value.number for value in field.enum_type.values])
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return chance.choice((0.0, -1.5, float("inf"), float("nan")))
    number = chance.choice(_LONG_NUMBERS if kind in _LONG else _NUMBERS)
    return number if kind in _UNSIGNED or chance.random() < 0.7 else -number


def damaged(data: bytes, chance: Random) -> bytes:
    """The bytes after up to a few damages; now and then none, now and then nothing but noise."""
    if chance.random() < 0.02:
        return chance.randbytes(chance.randrange(200))
    changed = bytearray(data)
    for _ in range(chance.randrange(DAMAGES_MAX)):
        _damage(changed, chance)
    return bytes(changed[:INPUT_BYTES_MAX])


def _damage(data: bytearray, chance: Random) -> None:
    place = chance.randrange(len(data) + 1)
    match chance.randrange(6):
        case 0 if data:
            data[place % len(data)] ^= 1 << chance.randrange(8)
        case 1:
            del data[place : place + chance.randrange(1, 9)]
        case 2:
            data[place:place] = chance.choice(_PIECES)
        case 3:
            data[place:place] = chance.randbytes(chance.randrange(1, 9))
        case 4:
            start = chance.randrange(len(data) + 1)
            data[place:place] = data[start : start + chance.randrange(1, 64)] * chance.choice((1, 1, 2, 50))
        case _:
            del data[place:]
