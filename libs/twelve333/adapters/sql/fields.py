"""Personal columns: what a caller told is sealed in the unit of work that writes it, and opened in the one that reads it.

A table declares which of its columns are personal (`personal`), stores pass rows through `protect` and `reveal`, and the cipher comes
with the connection: whoever opens the database says which. Each value is bound to its place (table, column, row), so a sealed value
that is moved to another row does not open. Values written before there was a cipher are still read.

A sealed value is told from a plain one by its first character, which no plain one has: 0x00 is no protobuf tag, 0x1F no text, and a
JSON column holds lists.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import JSON, Column, Connection, LargeBinary, RowMapping, Table

from ...core.decision import Refused, refuse
from ...core.delivery.codes import FIELD_KEYRING_MISSING

SEALED_BYTES: Final = b"\x00"
SEALED_TEXT: Final = "\x1f"
OPTION: Final = "twelve333_fields"  # the execution option that carries the cipher
_PERSONAL: Final = "personal"
Spoken = str | bytes | list[Any]
Row = Mapping[str, Any] | RowMapping


class Fields(Protocol):
    """What seals and opens values; `place` names where a value stands and is bound to it."""

    def seal(self, data: bytes, place: str) -> bytes:
        """Seal `data`; the result begins with `SEALED_BYTES`."""

    def open(self, sealed: bytes, place: str) -> bytes:
        """Open what `seal` made for the same place.

        Raises:
            Refused: SECURITY_FIELD_KEY_UNKNOWN, SECURITY_FIELD_TAMPERED.
        """

    def is_current(self, sealed: bytes) -> bool:
        """Whether this was sealed under the key that is used now."""


class PlainFields:
    """For databases without anybody's data (tests, measurements): writes plain values and opens none that are sealed."""

    def seal(self, data: bytes, place: str) -> bytes:
        """See `Fields`."""
        return data

    def open(self, sealed: bytes, place: str) -> bytes:
        """See `Fields`."""
        raise Refused(refuse(FIELD_KEYRING_MISSING))

    def is_current(self, sealed: bytes) -> bool:
        """See `Fields`."""
        return False


PLAIN: Final = PlainFields()


def personal(*row_id: str) -> dict[str, Any]:
    """The `info` of a column that holds personal data; `row_id` names the columns that name its row for life."""
    return {_PERSONAL: row_id}


def personal_columns(table: Table) -> Sequence[tuple[Column[Any], tuple[str, ...]]]:
    """The personal columns of a table, each with the columns that name its row."""
    return [(column, column.info[_PERSONAL]) for column in table.columns if _PERSONAL in column.info]


def protect(tx: Connection, table: Table, row: Mapping[str, Any], /, **row_id: object) -> dict[str, Any]:
    """`row` with its personal values sealed, ready to be written.

    Args:
        tx: the unit of work; its database knows the cipher.
        table: where the row goes.
        row: values by column; personal ones may be absent.
        row_id: values of the columns that name the row, where `row` itself lacks them (an update).
    """
    fields = fields_of(tx)
    if fields is PLAIN:
        return dict(row)
    named, values = {**row, **row_id}, dict(row)
    for column, ids in personal_columns(table):
        if values.get(column.name):  # nothing said is nothing to hide
            values[column.name] = seal_value(fields, values[column.name], _place(column, ids, named))
    return values


def reveal(tx: Connection, table: Table, row: Row) -> dict[str, Any]:
    """`row` as it was before `protect`; it must hold the columns that name it.

    Raises:
        Refused: SECURITY_FIELD_KEY_UNKNOWN, SECURITY_FIELD_TAMPERED, DELIVERY_FIELD_KEYRING_MISSING.
    """
    fields, values = fields_of(tx), {**row}
    for column, ids in personal_columns(table):
        if column.name in values:
            values[column.name] = open_value(column, values[column.name], lambda data, at: fields.open(data, at), _place(column, ids, row))
    return values


def seal_value(fields: Fields, value: Spoken, place: str) -> str | bytes:
    """One value sealed, in the type of its column: bytes stay bytes, text and JSON become text."""
    if isinstance(value, bytes):
        return fields.seal(value, place)
    data = value.encode() if isinstance(value, str) else json.dumps(value, ensure_ascii=False).encode()
    return SEALED_TEXT + base64.b64encode(fields.seal(data, place)).decode("ascii")


def open_value(column: Column[Any], value: Any, open_bytes: Callable[[bytes, str], bytes], place: str) -> Any:
    """One value opened; a plain one is given back as it is."""
    sealed = sealed_bytes(value)
    if sealed is None:
        return value
    data = open_bytes(sealed, place)
    if isinstance(column.type, LargeBinary):
        return data
    return json.loads(data) if isinstance(column.type, JSON) else data.decode()


def sealed_bytes(value: Any) -> bytes | None:
    """The sealed bytes in a value as it is kept; None if it is plain."""
    if isinstance(value, bytes):
        return value if value.startswith(SEALED_BYTES) else None
    if not (isinstance(value, str) and value.startswith(SEALED_TEXT)):
        return None
    try:
        return base64.b64decode(value[1:], validate=True)
    except ValueError:  # damaged: no cipher will open this
        return SEALED_BYTES


def fields_of(tx: Connection) -> Fields:
    """The cipher that whoever opened the database gave it."""
    fields: Fields = tx.get_execution_options().get(OPTION, PLAIN)
    return fields


def _place(column: Column[Any], ids: Sequence[str], row: Row) -> str:
    return ".".join([column.table.name, column.name, *(str(row[name]) for name in ids)])
