"""Limits of single callers: whoever asks too much is told when to come back before anything is parsed, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.members import SERVICE, Echo, EchoStub, Federation

from twelve333.adapters.rpc.access import AccessTable
from twelve333.adapters.rpc.credentials import channel_credentials, channel_options, server_credentials
from twelve333.adapters.rpc.gate import Limits
from twelve333.adapters.rpc.health import AUTHENTICATED_ROWS, Health
from twelve333.adapters.rpc.limits import REFUSALS_PER_SECOND, Callers, Quotas, network_of, quotas_of
from twelve333.adapters.rpc.server import Listener, RpcServer, build_server
from twelve333.adapters.settings import Limits as Settings
from twelve333.client.calls import Calls, RetryPolicy
from twelve333.client.errors import ServiceError, Target, raising_service_errors
from twelve333.core.decision import Kind, Refused
from twelve333.core.identity import ANYONE, FEDERATION_DOMAIN, Caller, Role, hub_identity, node_identity
from twelve333.core.rpc_limits import Rate
from twelve333.wire import codes

METHODS = tuple(f"/{SERVICE}/{name}" for name in ("Ask", "Watch", "Send", "Talk"))
TABLE: AccessTable = {**dict.fromkeys(METHODS, frozenset({Role.NODE})), **AUTHENTICATED_ROWS}
HELLO = StringValue(value="hello")
SECONDS = 10.0
SLOW = Rate(0.001, 3)
NO_HOLD = IMPATIENT = timedelta(0)


@dataclass
class Fake:
    """A clock that moves when told, pauses that are noted, and the context of a call."""

    now: float = 0.0
    left: float | None = None
    address: str = "ipv4:10.0.0.1:4000"
    pauses: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def time_remaining(self) -> float | None:
        return self.left

    def peer(self) -> str:
        return self.address

    async def granted(self, callers: Callers, caller: Caller, method: str = METHODS[0], size: int = 0) -> bool:
        try:
            await callers.charge(method, caller, cast("Any", self), size)
        except Refused as refused:
            if refused.refusal.code is codes.RATE_EXCEEDED and refused.refusal.retry_after:
                return False
            raise
        return True


def node(province: str) -> Caller:
    return node_identity(province).caller


async def test_a_caller_that_floods_at_a_hundredfold_takes_nothing_from_the_others() -> None:
    fake, rate = Fake(), Rate(20, 40)
    callers, granted = Callers(Quotas({Role.NODE: rate}), fake.clock, fake.pause), Counter[str]()
    steps = 1_000
    for step in range(steps):
        fake.now = step / 10  # each of two asks 10 times a second, the third 1,000 times
        for province, asked in (("350000", 1), ("360000", 1), ("320000", 100)):
            granted[province] += sum([await fake.granted(callers, node(province)) for _ in range(asked)])
    assert granted["350000"] == granted["360000"] == steps
    assert granted["320000"] <= rate.burst + rate.per_second * (fake.now + 1) + 1


async def test_a_caller_hears_only_so_many_refusals_a_second(federation: Federation) -> None:
    fake, hold = Fake(), timedelta(seconds=1)
    callers = Callers(Quotas({Role.NODE: Rate(0.1, 1)}, hold=hold), fake.clock, fake.pause, lambda: 1.0)
    await fake.granted(callers, node("320000"))
    for _ in range(200):
        assert not await fake.granted(callers, node("320000"))
    assert fake.pauses[-1] == pytest.approx(1 + 199 / REFUSALS_PER_SECOND)
    await fake.granted(callers, node("350000"))
    assert not await fake.granted(callers, node("350000"))
    assert fake.pauses[-1] == 1.0  # another's refusals are no reason to wait longer


async def test_a_refusal_is_held_back_but_no_longer_than_the_caller_listens() -> None:
    fake = Fake()
    callers = Callers(Quotas({Role.NODE: Rate(1, 1)}, hold=timedelta(seconds=1), patience=IMPATIENT), fake.clock, fake.pause, lambda: 1.0)
    await fake.granted(callers, node("350000"))
    for fake.left in (None, 0.5):
        assert not await fake.granted(callers, node("350000"))
    assert fake.pauses == [1.0, 0.375]


async def test_what_a_flood_asked_at_once_is_not_refused_at_once_when_it_listens_no_longer() -> None:
    fake, asked = Fake(left=10.0), 1_000
    callers = Callers(Quotas({Role.NODE: Rate(0.1, 1)}, patience=IMPATIENT), fake.clock, fake.pause, Random(7).random)
    for _ in range(1 + asked):
        await fake.granted(callers, node("320000"))
    assert len(fake.pauses) == asked
    assert max(fake.pauses) < 7.5
    assert max(Counter(int(seconds * 10) for seconds in fake.pauses).values()) < asked / 10


async def test_no_more_callers_are_remembered_than_set() -> None:
    fake = Fake()
    callers = Callers(Quotas({Role.DESK: Rate(1, 1)}, callers_max=16, patience=IMPATIENT), fake.clock, fake.pause)
    for number in range(100):
        assert await fake.granted(callers, Caller(Role.DESK, "350000", f"seat-{number}"))
        assert callers.remembered <= 16
    assert not await fake.granted(callers, Caller(Role.DESK, "350000", "seat-99"))


async def test_guessing_at_enrolment_is_bounded_by_address_and_altogether() -> None:
    fake = Fake()
    quotas = Quotas({Role.ANYONE: Rate(0.2, 5)}, strangers=Rate(1, 12))
    callers = Callers(quotas, fake.clock, fake.pause)
    assert [await fake.granted(callers, ANYONE) for _ in range(8)] == [True] * 5 + [False] * 3
    fake.address = "ipv4:10.0.0.1:4999"  # another port is the same address
    assert not await fake.granted(callers, ANYONE)
    others = 0
    for last in range(2, 50):
        fake.address = f"ipv4:10.0.0.{last}:4000"
        others += await fake.granted(callers, ANYONE)
    assert others == 6  # as many as may begin within a second, after the five of the first
    fake.now = 5.0
    assert await fake.granted(callers, ANYONE)


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("ipv4:10.0.0.1:5000", "10.0.0.1"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:5000", "2001:db8:1:2::"),
        ("ipv6:[::ffff:10.0.0.1]:5000", "10.0.0.1"),
        ("ipv6:[fe80::1%25eth0]:5000", "fe80::"),
        ("unix:/run/socket", "unix"),
        ("ipv4:nonsense", "ipv4"),
    ],
)
def test_strangers_are_counted_by_address_or_network(peer: str, network: str) -> None:
    assert network_of(peer) == network


def test_the_settings_grant_every_role_a_rate() -> None:
    quotas = quotas_of(Settings())
    assert set(quotas.rates) == set(Role) - {Role.BROKER}
    assert quotas.strangers


@asynccontextmanager
async def _listening(federation: Federation, echo: Echo, quotas: Quotas) -> AsyncIterator[RpcServer]:
    credentials, health = server_credentials(federation.certify(hub_identity(), carries_root=True)), Health()
    await health.start()
    listener = Listener("127.0.0.1:0", credentials, FEDERATION_DOMAIN, limits=Limits(quotas=quotas))
    server = build_server(listener, [echo.register, health.register], TABLE)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    return Federation.create(tmp_path_factory.mktemp("federation"))


def _dial(server: RpcServer, folder: Path) -> grpc.aio.Channel:
    return grpc.aio.secure_channel(server.address, channel_credentials(folder), options=channel_options("hub"))


async def _refused(ask: Callable[[], Awaitable[object]]) -> ServiceError:
    with pytest.raises(ServiceError) as caught, raising_service_errors():
        await ask()
    return caught.value


async def test_a_flooding_province_is_refused_with_a_time_while_another_is_served(federation: Federation) -> None:
    echo, hold = Echo(), timedelta(milliseconds=20)
    async with _listening(federation, echo, Quotas({Role.NODE: SLOW}, hold=hold)) as server:
        async with _dial(server, federation.certify(node_identity("350000"))) as flooding:
            asks = [EchoStub(flooding).Ask(HELLO, timeout=SECONDS) for _ in range(50)]
            answers = await asyncio.gather(*asks, return_exceptions=True)
            refused = [one for one in answers if isinstance(one, grpc.aio.AioRpcError)]
            assert (len(refused), echo.calls) == (47, 3)
            assert {one.code() for one in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
            error = await _refused(lambda: EchoStub(flooding).Ask(HELLO, timeout=SECONDS))
            assert (error.code, error.kind) == ("RPC_RATE_EXCEEDED", Kind.EXHAUSTED)
            assert error.retry_after
            assert error.retry_after > timedelta(seconds=100)
            probe = health_pb2_grpc.HealthStub(flooding).Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
            assert (await probe).status == health_pb2.HealthCheckResponse.SERVING
        async with _dial(server, federation.certify(node_identity("360000"))) as other:
            assert (await EchoStub(other).Ask(HELLO, timeout=SECONDS)).value == "hello"


async def test_who_asks_while_another_floods_does_not_wait_for_all_that_it_asked(federation: Federation) -> None:
    echo, asked = Echo(), 90
    async with _listening(federation, echo, Quotas({Role.NODE: Rate(100, 100)})) as server:
        ends = [federation.certify(node_identity(province)) for province in ("350000", "360000")]
        async with _dial(server, ends[0]) as flooding, _dial(server, ends[1]) as other:
            await EchoStub(other).Ask(HELLO, timeout=SECONDS)  # both are connected
            await EchoStub(flooding).Ask(HELLO, timeout=SECONDS)
            echo.seen.clear()
            flood = [asyncio.ensure_future(EchoStub(flooding).Ask(HELLO, timeout=SECONDS)) for _ in range(asked)]
            await flood[0]  # the others have arrived as well, or are on their way
            await EchoStub(other).Ask(HELLO, timeout=SECONDS)
            before = echo.seen.index("node:360000:")
            await asyncio.gather(*flood)
    assert len(echo.seen) == asked + 1  # nothing of it was refused, for it was within the burst
    assert before < 0.8 * asked  # 5 as a rule; more where this process itself had to wait for a processor


async def test_who_asks_too_often_is_refused_before_its_request_is_read(federation: Federation) -> None:
    async with (
        _listening(federation, Echo(), Quotas({Role.NODE: Rate(0.001, 1)}, hold=NO_HOLD)) as server,
        _dial(server, federation.certify(node_identity("350000"))) as channel,
    ):
        noise: Any = channel.unary_unary(METHODS[0])
        told = [(await _refused(lambda: noise(b"\xff\xff\xff", timeout=SECONDS))).code for _ in range(2)]
        told.append((await _refused(lambda: EchoStub(channel).Missing(HELLO, timeout=SECONDS))).code)
    assert told == ["RPC_REQUEST_MALFORMED", "RPC_RATE_EXCEEDED", "RPC_RATE_EXCEEDED"]


async def test_a_caller_with_too_much_in_hand_is_refused_and_another_is_not(federation: Federation) -> None:
    async with (
        _listening(federation, Echo(), Quotas(in_hand_max=1)) as server,
        _dial(server, federation.certify(node_identity("350000"))) as busy,
    ):
        talk = EchoStub(busy).Talk(timeout=SECONDS)
        await talk.write(HELLO)
        await talk.read()
        error = await _refused(lambda: EchoStub(busy).Ask(HELLO, timeout=SECONDS))
        assert (error.code, error.refusal.params["max"]) == ("RPC_CALLER_BUSY", "1")
        async with _dial(server, federation.certify(node_identity("360000"))) as other:
            await EchoStub(other).Ask(HELLO, timeout=SECONDS)
        await talk.done_writing()
        assert await talk.read() is grpc.aio.EOF
        await EchoStub(busy).Ask(HELLO, timeout=SECONDS)


async def test_requests_and_uploads_that_are_too_large_are_refused_for_good(federation: Federation) -> None:
    echo = Echo()
    quotas = Quotas(request_bytes_max=1_000, upload_bytes_max=2_000)
    async with (
        _listening(federation, echo, quotas) as server,
        _dial(server, federation.certify(node_identity("350000"))) as channel,
    ):
        large, part = StringValue(value="x" * 1_000), StringValue(value="x" * 900)
        asked = await _refused(lambda: EchoStub(channel).Ask(large, timeout=SECONDS))
        assert echo.calls == 0
        assert len((await EchoStub(channel).Send(iter([part] * 2), timeout=SECONDS)).value) == 1_800
        sent = await _refused(lambda: EchoStub(channel).Send(iter([part] * 3), timeout=SECONDS))
    assert {(one.code, one.kind, one.retry_after) for one in (asked, sent)} == {("RPC_REQUEST_TOO_LARGE", Kind.EXHAUSTED, None)}


async def test_the_sdk_waits_as_long_as_the_service_says_and_then_succeeds(federation: Federation) -> None:
    pauses = list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(seconds)

    async with (
        _listening(federation, Echo(), Quotas({Role.NODE: Rate(4, 1)}, hold=NO_HOLD, patience=IMPATIENT)) as server,
        _dial(server, federation.certify(node_identity("350000"))) as channel,
    ):
        calls = Calls(channel, Target("hub", server.address, SECONDS), RetryPolicy(pause_first=0.01, pause_most=0.01), pause)
        answers = [await calls.unary(EchoStub(channel).Ask, HELLO) for _ in range(2)]
    assert [one.value for one in answers] == ["hello", "hello"]
    assert pauses
    assert all(0.2 <= seconds <= 0.26 for seconds in pauses)


async def test_attempts_without_a_certificate_are_counted_by_the_address_they_come_from() -> None:
    quotas = Quotas({Role.ANYONE: Rate(0.001, 2)}, strangers=Rate(0.001, 100), hold=NO_HOLD)
    rows: AccessTable = dict.fromkeys(METHODS, frozenset({Role.ANYONE}))
    server = build_server(Listener("127.0.0.1:0", None, None, limits=Limits(quotas=quotas)), [Echo().register], rows)
    await server.start()
    answers = list[str]()
    for _ in range(4):  # each over a connection of its own
        async with grpc.aio.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            try:
                answers.append((await EchoStub(channel).Ask(HELLO, timeout=SECONDS)).value)
            except grpc.aio.AioRpcError as error:
                answers.append(error.code().name)
    await server.stop(0)
    assert answers == ["hello", "hello", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"]
