"""A flipped bit in the database is found and named, never served, and the last backup is the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, select, text, update

from province_node.backup import service as service_of
from province_node.store import metadata
from twelve333.adapters.signing.fields import ensure_ring, open_cipher
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.adapters.sql.backup import backup, restore
from twelve333.adapters.sql.soundness import check_all
from twelve333.api.registration.v1.events_pb2 import DirectoryChanged
from twelve333.core.decision import Refused

NOW = datetime(2026, 3, 2, tzinfo=UTC)
service = service_of("310000")
outbox = metadata.tables["outbox"]


def fill(tx: Connection) -> None:
    service.delivery.outbox.begin_epoch(tx, NOW)
    for number in range(600):
        service.delivery.outbox.append(tx, destination="320000", message=DirectoryChanged(version=number), now=NOW)


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    path = tmp_path / "fields.keys"
    ensure_ring(path, "aes256gcm", NOW)
    return path


@pytest_asyncio.fixture
async def sealed(database: Database, url: str, keyring: Path) -> AsyncIterator[Database]:
    """The same database, with everything personal sealed."""
    opened = open_database(url, open_cipher(keyring, "aes256gcm"))
    await opened.write(fill)
    yield opened
    await opened.close()


async def damaged(database: Database, url: str) -> dict[str, str]:
    with pytest.raises(Refused, match="DELIVERY_STORE_DAMAGED") as caught:
        await check_all(database, metadata, url)
    return dict(caught.value.refusal.params)


async def test_a_sound_database_is_read_to_the_last_row(sealed: Database, url: str) -> None:
    assert (await check_all(sealed, metadata, url)).rows > 600
    assert migrate.check_sound(url) is None


async def test_a_flipped_bit_in_a_sealed_value_is_found_named_and_not_served(sealed: Database, url: str) -> None:
    def flip(tx: Connection) -> None:
        row = tx.execute(select(outbox.c.event_id, outbox.c.payload).where(outbox.c.sequence == 577)).one()
        changed = bytes([*row.payload[:-1], row.payload[-1] ^ 1])
        tx.execute(update(outbox).where(outbox.c.event_id == row.event_id).values(payload=changed))

    await sealed.write(flip)
    assert await damaged(sealed, url) == {"where": "outbox", "reason": "SECURITY_FIELD_TAMPERED"}
    (head,) = await sealed.read(service.delivery.outbox.heads)
    with pytest.raises(Refused, match="SECURITY_FIELD_TAMPERED"):
        await sealed.read(lambda tx: service.delivery.outbox.pending(tx, head, range(577, 578)))


async def test_a_torn_page_keeps_a_service_from_starting_until_the_backup_is_restored(tmp_path: Path) -> None:
    path, url, file = tmp_path / "node.db", f"sqlite:///{tmp_path / 'node.db'}", tmp_path / "node.backup"
    migrate.upgrade("province_node", url)
    database = open_database(url)
    await database.write(fill)
    await backup(database, service, file, NOW)
    await database.close()
    data = bytearray(path.read_bytes())
    for at in range(4096 * 8, len(data), 4096 * 16):  # the header of every sixteenth page
        data[at] ^= 0xFF
    path.write_bytes(data)
    refusal = migrate.check_sound(url)
    assert refusal is not None and refusal.code.name == "DELIVERY_STORE_DAMAGED"
    await restore(file, url, service, NOW + timedelta(hours=1), replace=True)
    assert migrate.check_sound(url) is None
    assert (tmp_path / "node.db.replaced").read_bytes()[100:] == bytes(data[100:]), "what was damaged is kept for those who look into it"


async def test_a_value_that_its_column_cannot_hold_is_found(sealed: Database, url: str) -> None:
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL takes none")
    await sealed.write(lambda tx: tx.execute(text("UPDATE outbox SET trace = '{' WHERE sequence = 3")))
    assert (await damaged(sealed, url))["where"] == "outbox"
