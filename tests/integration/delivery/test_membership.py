"""A member that is revoked is cut off from a real broker at once, also after the broker or the hub starts again; nobody else notices."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from tests.support.broker import PROVINCES, TestBroker
from twelve333.adapters.bus.membership import Membership
from twelve333.adapters.bus.reload import PID_FILE
from twelve333.adapters.bus.tls import member_tls
from twelve333.adapters.signing.keys import fingerprint_of
from twelve333.adapters.signing.renewal import present_leaf
from twelve333.core.decision import Refused
from twelve333.core.delivery.codes import BROKER_CONFIG_UNREADABLE
from twelve333.core.ids import HUB
from twelve333.wire.subjects import inbox_prefix

REVOKED, OTHER = "310000", "320000"
DEADLINE_SECONDS = 20.0


def keys_of(broker: TestBroker, *members: str) -> dict[str, str]:
    """The keys of these members as the register knows them."""
    return {name: fingerprint_of(present_leaf(broker.folder / name).public_key()) for name in (HUB, *members)}


async def session(broker: TestBroker, member: str, ended: asyncio.Event | None = None) -> Client:
    """A connection for `member`, which is not made again; `ended` is set when the broker ends it."""
    client = Client()

    async def on_end() -> None:
        if ended:
            ended.set()

    async def ignore(_error: Exception) -> None:
        """The broker says why on its own."""

    await client.connect(
        broker.url, tls=member_tls(broker.folder / member)(), tls_hostname="broker.12333.internal", allow_reconnect=False,
        max_reconnect_attempts=1, inbox_prefix=inbox_prefix(member), disconnected_cb=on_end, error_cb=ignore,
    )  # fmt: skip
    return client


async def comes_in(broker: TestBroker, member: str) -> bool:
    """Whether the broker lets `member` in now."""
    try:
        client = await session(broker, member)
        await client.flush(timeout=5)
    except (NatsError, OSError):
        return False
    await client.close()
    return True


async def test_a_revoked_member_is_cut_off_at_once_and_stays_out_when_the_broker_starts_again(broker: TestBroker) -> None:
    membership, ends = Membership(broker.config), {name: asyncio.Event() for name in (REVOKED, OTHER)}
    membership.use(keys_of(broker, *PROVINCES))
    clients = [await session(broker, name, ended) for name, ended in ends.items()]
    began = time.monotonic()
    assert membership.use(keys_of(broker, OTHER))
    await asyncio.wait_for(ends[REVOKED].wait(), DEADLINE_SECONDS)
    print(f"cut off after {time.monotonic() - began:.3f} s")
    assert not await comes_in(broker, REVOKED)
    await clients[1].flush(timeout=5)
    assert not ends[OTHER].is_set()
    await clients[1].close()
    await broker.stop()
    await broker.start()
    assert not await comes_in(broker, REVOKED)
    assert await comes_in(broker, OTHER)
    Membership(broker.config).use(keys_of(broker, *PROVINCES))  # a hub that has started meanwhile, and let it in again

    async def back() -> None:
        while not await comes_in(broker, REVOKED):
            await asyncio.sleep(0.05)

    await asyncio.wait_for(back(), DEADLINE_SECONDS)


async def test_a_key_that_was_exchanged_ends_with_its_sessions(broker: TestBroker) -> None:
    membership, ended = Membership(broker.config), asyncio.Event()
    membership.use(keys_of(broker, *PROVINCES))
    client = await session(broker, REVOKED, ended)
    left_behind = {**keys_of(broker, *PROVINCES), REVOKED: "0" * 64}  # it has joined again with another key
    assert not membership.use(left_behind)
    await asyncio.wait_for(ended.wait(), DEADLINE_SECONDS)
    assert membership.use(left_behind)
    assert not await comes_in(broker, REVOKED)
    await client.close()


def test_what_the_file_says_besides_stays_and_the_same_members_again_write_nothing(broker_files: TestBroker) -> None:
    text = broker_files.config.read_text().replace('"ping_max": 2', '"ping_max": 7')
    broker_files.config.write_text(text)
    membership = Membership(broker_files.config)
    membership.use(keys_of(broker_files, OTHER))
    written = broker_files.config.stat().st_mtime_ns
    assert '"ping_max": 7' in broker_files.config.read_text()
    membership.use(keys_of(broker_files, OTHER))
    assert broker_files.config.stat().st_mtime_ns == written


def test_a_file_in_another_form_is_left_alone(tmp_path: Path) -> None:
    config = tmp_path / "nats-server.conf"
    config.write_text("port: 4222\n")
    with pytest.raises(Refused) as refused:
        Membership(config).use({HUB: "0" * 64})
    assert refused.value.refusal.code is BROKER_CONFIG_UNREADABLE
    assert config.read_text() == "port: 4222\n"


def test_a_broker_that_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    assert Membership(tmp_path / "absent.conf").use({HUB: "0" * 64})


def test_a_process_that_is_no_broker_is_never_signalled(broker_files: TestBroker) -> None:
    (broker_files.config.parent / PID_FILE).write_text("1")  # a number from before, or from another machine
    assert Membership(broker_files.config).use(keys_of(broker_files, OTHER))


@pytest.fixture
def broker_files(tmp_path: Path) -> TestBroker:
    """The files of a broker that does not run."""
    return TestBroker(tmp_path / "broker")
