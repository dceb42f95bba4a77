"""Personal columns on both databases: nothing readable as it is kept, everything readable through the stores, under whatever key."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, select, update
from tests.core.cases.builders import closed

from province_node.settings import NodeSettings
from province_node.store import delivery_of, metadata
from province_node.store import routing as calls
from province_node.store.cases import store as cases
from twelve333.adapters.keys import Rotated, rotate
from twelve333.adapters.settings import Broker
from twelve333.adapters.signing.fields import FieldCipher, add_key
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql.fields import personal_columns
from twelve333.adapters.sql.reseal import Resealed, reseal
from twelve333.api.cases.v1 import events_pb2
from twelve333.core.decision import Refused
from twelve333.core.routing.context import ContextItem
from twelve333.core.routing.handoff import Handoff, Step
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.model import Call
from twelve333.core.routing.offers import Lease, Offer

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
TOLD = (ContextItem("name", "张三丰"), ContextItem("id_number", "350102199001011234"))
CALL = Call("h1", "350100", "", "pension", "zh", ())
LEASE = Lease(
    Offer("h9.350100", CALL, "320100", "320000", "350100", NOW + timedelta(minutes=1), b"d" * 32), HandoffState.ACCEPTED, "sip:a", NOW, NOW
)


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    add_key(tmp_path / "fields.keys", "aes256gcm", NOW)
    return tmp_path / "fields.keys"


@pytest_asyncio.fixture
async def sealed(url: str, ring: Path) -> AsyncIterator[Database]:
    opened = open_database(url, FieldCipher(ring))
    yield opened
    await opened.close()


def _write(tx: Connection) -> None:
    """A closed case, a held step, a handoff and a lease with what the caller told, and an event that waits."""
    case = closed().case
    assert case
    cases.keep(tx, case, case.history)
    calls.add_handoff(tx, _handoff(), TOLD)
    calls.add_lease(tx, LEASE)
    calls.save_lease_context(tx, LEASE, TOLD)
    outbox = delivery_of("350000").outbox
    outbox.begin_epoch(tx, NOW)
    outbox.append(tx, destination="320000", message=_event(), now=NOW, key="c1")


def _handoff() -> Handoff:
    return Handoff(
        CALL, "320100", HandoffState.ACCEPTED, steps=(Step(1, HandoffState.ACCEPTED, "350100", "", NOW),), context_sha256=b"d" * 32
    )


def _event() -> events_pb2.CaseStepTaken:
    event = events_pb2.CaseStepTaken()
    event.step.case_id = "c1"
    event.step.opened.summary = "张三丰 的养老金"
    return event


def _raw(tx: Connection) -> list[Any]:
    """Every personal value as it is kept."""
    found: list[Any] = []
    for table in metadata.sorted_tables:
        for column, _ in personal_columns(table):
            found += [value for value in tx.scalars(select(column)) if value]
    return found


def _told(tx: Connection) -> tuple[Any, ...]:
    lease = calls.load_incoming(tx, "h1")
    outbox = delivery_of("350000").outbox
    return (
        cases.load(tx, "c1"),
        calls.load_context(tx, "h1"),
        lease and lease[1],
        outbox.pending(tx, outbox.heads(tx)[0], range(1, 2))[0].payload,
    )


async def test_nothing_personal_is_readable_as_it_is_kept(sealed: Database) -> None:
    await sealed.write(_write)
    kept = await sealed.read(_raw)
    assert len(kept) >= 8
    for value in kept:
        plain = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
        assert not any(word.encode() in plain for word in ("张三丰", "350102199001011234", "养老金", "summary", "pension"))
    assert await sealed.read(_told) == (closed().case, TOLD, TOLD, _event().SerializeToString())


async def test_rows_from_before_there_was_a_keyring_are_read_and_sealed_by_a_pass(database: Database, sealed: Database) -> None:
    await database.write(_write)
    told = await sealed.read(_told)
    assert told == (closed().case, TOLD, TOLD, _event().SerializeToString())
    found = await reseal(sealed, metadata)
    assert found.older == 0
    assert found.plain >= 8
    assert await sealed.read(_told) == told
    assert await reseal(sealed, metadata) == Resealed()


async def test_a_value_moved_to_another_row_does_not_open(sealed: Database) -> None:
    await sealed.write(_write)

    def swap(tx: Connection) -> None:
        step = cases.steps
        first = tx.scalar(select(step.c.step).where(step.c.version == 1))
        tx.execute(update(step).where(step.c.version == 2).values(step=first))

    await sealed.write(swap)
    with pytest.raises(Refused, match="SECURITY_FIELD_TAMPERED"):
        await sealed.read(lambda tx: cases.load(tx, "c1"))


@pytest.mark.parametrize("damaged", ["\x1f", "\x1fAAAA", "\x1fno base64!", "\x1f" + "A" * 80])
async def test_a_damaged_value_is_refused(sealed: Database, damaged: str) -> None:
    await sealed.write(_write)
    await sealed.write(lambda tx: tx.execute(update(cases.cases).values(summary=damaged)))
    with pytest.raises(Refused, match="SECURITY_FIELD_"):
        await sealed.read(lambda tx: cases.load(tx, "c1"))


async def test_a_database_opened_without_keyring_shows_nothing(database: Database, sealed: Database) -> None:
    await sealed.write(_write)
    with pytest.raises(Refused, match="DELIVERY_FIELD_KEYRING_MISSING"):
        await database.read(lambda tx: cases.load(tx, "c1"))


@pytest.mark.parametrize("forget_old", [False, True])
async def test_a_rotation_seals_everything_anew_beside_the_running_service(
    url: str, sealed: Database, ring: Path, forget_old: bool
) -> None:
    await sealed.write(_write)
    done = await rotate(_settings(url, ring), metadata, NOW, forget_old=forget_old)
    assert done == Rotated(done.key_id, done.resealed, 0, int(forget_old))
    assert done.resealed >= 8
    assert {_key_of(value) for value in await sealed.read(_raw)} == {done.key_id}
    assert (await sealed.read(_told))[1] == TOLD  # by the cipher that was open all the time


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
async def test_after_a_rotation_the_file_holds_nothing_plain(url: str, database: Database, ring: Path) -> None:
    await database.write(_write)
    await database.close()
    done = await rotate(_settings(url, ring), metadata, NOW, forget_old=False)
    assert done.were_plain >= 8
    path = Path(url.removeprefix("sqlite:///"))
    content = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert "张三丰".encode() not in content
    assert b"350102199001011234" not in content


def _key_of(value: Any) -> str:
    data = value if isinstance(value, bytes) else base64.b64decode(value[1:])
    return str(data[2:6].hex())


def _settings(url: str, ring: Path) -> NodeSettings:
    listen = dict.fromkeys(("federation", "desk", "health", "advertise"), "127.0.0.1:1")
    values: dict[str, Any] = {"listen": listen, "hub": {"endpoint": "127.0.0.1:1"}, "database": {"url": url}}
    return NodeSettings(base=ring.parent, pki=Path(), province="350000", broker=Broker(urls=("tls://127.0.0.1:1",)), **values)
