"""The file of a backup: all rows of a service's tables in one portable, checked form, the same from SQLite and PostgreSQL.

Gzipped lines of JSON: a header, then for each table its name and columns and one line a row, then an end line with the rows counted
and the SHA-256 of everything before it. A file that was cut, changed or not finished has no such end, and is refused before anything
is touched. Sealed columns stay sealed: the keyring is no part of a backup.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Column, Connection, Date, LargeBinary, MetaData, Table, select

from ...core.decision import Refused, refuse
from ...core.delivery.codes import BACKUP_DAMAGED, BACKUP_NOT_WRITTEN
from .types import EnumText, UtcDateTime

FORMAT: Final = 1
CHUNK_ROWS: Final = 500
COMPRESSION: Final = 5


@dataclass(frozen=True, slots=True)
class Header:
    """Whose backup it is.

    Args:
        service: `national_hub` or `province_node`.
        member: `hub` or a province code.
        revision: of the tables; empty for tables made without revisions.
        epoch: of the database when it was backed up.
        made_at: when that was.
    """

    service: str
    member: str
    revision: str
    epoch: int
    made_at: datetime


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


def write_archive(path: Path, header: Header, tx: Connection, metadata: MetaData) -> dict[str, int]:
    """Write what `tx` sees into `path`, whole or not at all, readable by its owner only.

    Returns:
        Rows by table.

    Raises:
        Refused: DELIVERY_BACKUP_NOT_WRITTEN.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=COMPRESSION, mtime=0) as file:
                counts = _write(file, header, tx, metadata)
            raw.flush()
            os.fsync(raw.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Refused(refuse(BACKUP_NOT_WRITTEN, path=path, reason=error.strerror or type(error).__name__)) from error
    return counts


def check_archive(path: Path) -> tuple[Header, dict[str, int]]:
    """Read a whole file and return its header and rows by table.

    Raises:
        Refused: DELIVERY_BACKUP_DAMAGED.
    """
    header: Header | None = None
    end: Mapping[str, int] | None = None
    for item in _items(path):
        if isinstance(item, Header):
            header = item
        elif isinstance(item, dict):
            end = item
    if header is None or end is None:
        raise _damaged(path, "it has no end")
    return header, dict(end)


def load_archive(path: Path, tx: Connection, metadata: MetaData) -> None:
    """Put every row of a checked file into the tables of the same name, which must be empty.

    Raises:
        Refused: DELIVERY_BACKUP_DAMAGED: it names a table or column that there is not.
    """
    table: Table | None = None
    columns: list[Column[Any]] = []
    waiting: list[dict[str, Any]] = []
    for item in _items(path):
        if isinstance(item, list) and len(waiting) < CHUNK_ROWS:
            waiting.append({column.name: _decode(column, value) for column, value in zip(columns, item, strict=True)})
            continue
        _flush(tx, table, waiting)
        if isinstance(item, tuple):
            table, columns = _named(path, metadata, *item)
        elif isinstance(item, list):
            waiting.append({column.name: _decode(column, value) for column, value in zip(columns, item, strict=True)})
    _flush(tx, table, waiting)


def _flush(tx: Connection, table: Table | None, waiting: list[dict[str, Any]]) -> None:
    if table is not None and waiting:
        tx.execute(table.insert(), waiting)
    waiting.clear()


def _named(path: Path, metadata: MetaData, name: str, columns: Sequence[str]) -> tuple[Table, list[Column[Any]]]:
    table = metadata.tables.get(name)
    if table is None or any(column not in table.columns for column in columns):
        raise _damaged(path, f"table {name} is not known here")
    return table, [table.columns[column] for column in columns]


def _write(file: gzip.GzipFile, header: Header, tx: Connection, metadata: MetaData) -> dict[str, int]:
    digest, counts = hashlib.sha256(), dict[str, int]()
    about = {"format": FORMAT, "service": header.service, "member": header.member, "revision": header.revision}
    _line(file, digest, about | {"epoch": header.epoch, "made_at": header.made_at.isoformat()})
    for table in metadata.sorted_tables:
        columns = list(table.columns)
        _line(file, digest, {"table": table.name, "columns": [column.name for column in columns]})
        counts[table.name] = 0
        rows = tx.execute(select(table).order_by(*table.primary_key.columns).execution_options(yield_per=CHUNK_ROWS))
        for row in rows:
            _line(file, digest, [_encode(column, value) for column, value in zip(columns, row, strict=True)])
            counts[table.name] += 1
    file.write(json.dumps({"rows": counts, "sha256": digest.hexdigest()}).encode() + b"\n")
    return counts


def _line(file: gzip.GzipFile, digest: _Digest, value: object) -> None:
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    digest.update(data)
    file.write(data)


Item = Header | tuple[str, list[str]] | list[Any] | dict[str, int]


def _items(path: Path) -> Iterator[Item]:
    """The parts of a file in order: header, (table, columns), rows, and at last the rows counted, once they proved true.

    Raises:
        Refused: DELIVERY_BACKUP_DAMAGED.
    """
    digest, counts, table, ended = hashlib.sha256(), dict[str, int](), "", False
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                value = json.loads(line)
                if ended:
                    raise _damaged(path, "something stands behind its end")
                if isinstance(value, dict) and "sha256" in value:
                    ended = value["sha256"] == digest.hexdigest() and value["rows"] == counts
                    if not ended:
                        raise _damaged(path, "its checksum does not fit")
                    yield dict(counts)
                    continue
                digest.update(line)
                if isinstance(value, list):
                    counts[table] += 1
                    yield value
                elif "table" in value:
                    table = value["table"]
                    counts[table] = 0
                    yield table, list(value["columns"])
                else:
                    yield _header(path, value)
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is cut or changed"
        raise _damaged(path, reason) from error


def _header(path: Path, value: Mapping[str, Any]) -> Header:
    if value["format"] != FORMAT:
        raise _damaged(path, f"format {value['format']} is not known here")
    made_at = datetime.fromisoformat(value["made_at"])
    return Header(value["service"], value["member"], value["revision"], int(value["epoch"]), made_at)


def _damaged(path: Path, reason: str) -> Refused:
    return Refused(refuse(BACKUP_DAMAGED, path=path, reason=reason))


def _encode(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, date):  # datetimes too
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def _decode(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, LargeBinary):
        return base64.b64decode(value, validate=True)
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    return column.type.kind(value) if isinstance(column.type, EnumText) else value
