"""The SDK against a real listener: typed answers, one attempt for what cannot get better, several for what can."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st
from tests.support.members import SERVICE, Echo, EchoStub, Federation

from twelve333.adapters.rpc.credentials import server_credentials
from twelve333.adapters.rpc.server import Listener, RpcServer, build_server
from twelve333.client import Connection, Credentials, ServiceError, SyncConnection
from twelve333.client.calls import Calls, RetryPolicy
from twelve333.core.decision import Kind, Refused
from twelve333.core.identity import FEDERATION_DOMAIN, Role, hub_identity, node_identity, operator_identity

TABLE = {f"/{SERVICE}/{name}": frozenset({Role.NODE}) for name in ("Ask", "Watch", "Send", "Talk")}
FAST = RetryPolicy(attempts_max=4, pause_first=0.001, pause_most=0.002)
SECONDS = 10.0


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    return Federation.create(tmp_path_factory.mktemp("federation"))


@pytest.fixture
def echo() -> Echo:
    return Echo()


def _server(federation: Federation, echo: Echo) -> RpcServer:
    credentials = server_credentials(federation.certify(hub_identity()))
    return build_server(Listener("127.0.0.1:0", credentials, FEDERATION_DOMAIN), [echo.register], TABLE)


@pytest.fixture
async def address(federation: Federation, echo: Echo) -> AsyncIterator[str]:
    server = _server(federation, echo)
    await server.start()
    yield server.address
    await server.stop(0)


def _open(federation: Federation, address: str, **options: Any) -> Connection:
    credentials = Credentials.from_directory(federation.certify(node_identity("350000")))
    return Connection.open(address, "hub", credentials, **{"retry": FAST, "timeout": SECONDS, **options})


async def _ask(connection: Connection, text: str) -> str:
    answer: StringValue = await connection.calls.unary(EchoStub(connection.calls.channel).Ask, StringValue(value=text))
    return answer.value


async def _failing(connection: Connection, text: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await _ask(connection, text)
    return caught.value


async def test_an_answer_comes_back(federation: Federation, address: str) -> None:
    async with _open(federation, address) as connection:
        assert await _ask(connection, "工伤") == "工伤"


async def test_what_cannot_get_better_is_tried_once(federation: Federation, address: str, echo: Echo) -> None:
    async with _open(federation, address) as connection:
        error = await _failing(connection, "refuse")
    assert (error.kind, echo.calls) == (Kind.INVALID, 1)


async def test_a_bug_over_there_is_tried_once(federation: Federation, address: str, echo: Echo) -> None:
    async with _open(federation, address) as connection:
        error = await _failing(connection, "bug")
    assert (error.code, echo.calls) == ("COMMON_INTERNAL", 1)


@pytest.mark.parametrize("trouble", ["away", "busy"])
async def test_passing_trouble_is_tried_again_until_it_works(federation: Federation, address: str, echo: Echo, trouble: str) -> None:
    echo.failures_left = 3
    async with _open(federation, address) as connection:
        assert await _ask(connection, trouble) == trouble
    assert echo.calls == 4


async def test_trouble_that_stays_is_given_up_after_the_last_attempt(federation: Federation, address: str, echo: Echo) -> None:
    echo.failures_left = 99
    async with _open(federation, address) as connection:
        error = await _failing(connection, "away")
    assert (error.code, echo.calls) == ("RPC_STOPPING", 4)


async def test_a_pause_longer_than_the_deadline_is_not_begun(federation: Federation, address: str, echo: Echo) -> None:
    echo.failures_left = 99
    async with _open(federation, address, timeout=0.5, retry=RetryPolicy(pause_first=1e9, pause_most=1e9)) as connection:
        await asyncio.wait_for(_failing(connection, "away"), SECONDS)
    assert echo.calls == 1


async def test_a_call_ends_at_its_deadline(federation: Federation, address: str) -> None:
    async with _open(federation, address, timeout=0.2) as connection:
        error = await asyncio.wait_for(_failing(connection, "hang"), SECONDS)
    assert (error.code, error.kind) == ("RPC_NO_ANSWER", Kind.TIMED_OUT)
    assert address in error.sentence


async def test_nobody_there_is_one_sentence_in_the_language_of_the_connection(federation: Federation, free_port: int) -> None:
    async with _open(federation, f"127.0.0.1:{free_port}", locale="zh") as connection:
        error = await _failing(connection, "hello")
    assert (error.code, error.kind) == ("RPC_UNREACHABLE", Kind.UNAVAILABLE)
    assert error.sentence.startswith(f"hub 在 127.0.0.1:{free_port} 没有应答：请确认")


async def test_refusals_are_spoken_in_the_language_of_the_connection(federation: Federation, address: str) -> None:
    async with _open(federation, address, locale="zh_CN.UTF-8") as connection:
        error = await _failing(connection, "refuse")
    assert "不是单位代码" in error.sentence
    assert str(error.violations[0]).startswith("unit.code: “35”不是单位代码")


async def test_a_stream_is_read_to_its_end_and_refused_in_its_middle(federation: Federation, address: str) -> None:
    got: list[str] = []
    async with _open(federation, address) as connection:
        stub = EchoStub(connection.calls.channel)
        assert [item.value async for item in connection.calls.stream(stub.Watch, StringValue(value="abc"))] == list("abc")
        with pytest.raises(ServiceError) as caught:
            async for item in connection.calls.stream(stub.Watch, StringValue(value="ab!c")):
                got.append(item.value)
    assert (got, caught.value.code) == (["a", "b"], "COMMON_UNIT_CODE_MALFORMED")


async def test_an_upload_is_answered_once(federation: Federation, address: str) -> None:
    async with _open(federation, address) as connection:
        parts = iter([StringValue(value="a"), StringValue(value="b")])
        answer = await connection.calls.upload(EchoStub(connection.calls.channel).Send, parts)
    assert answer.value == "ab"


async def test_a_role_that_may_not_is_told_so(federation: Federation, address: str) -> None:
    credentials = Credentials.from_directory(federation.certify(operator_identity("li")))
    async with Connection.open(address, "hub", credentials) as connection:
        error = await _failing(connection, "hello")
    assert (error.code, error.kind) == ("RPC_ROLE_DENIED", Kind.DENIED)
    assert "in a role that may, with --profile (node)" in error.sentence


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        Credentials.from_directory(tmp_path)
    assert caught.value.refusal.params == {"path": str(tmp_path / "tls.crt")}


async def test_a_profile_folder_is_all_that_a_script_needs(federation: Federation, address: str) -> None:
    folder = federation.certify(node_identity("350000"))
    (folder / "profile.toml").write_text(f'address = "{address}"\nmember = "hub"\n')
    async with Connection.open_profile(folder) as connection:
        assert await _ask(connection, "hello") == "hello"


@pytest.mark.parametrize("content", ["address = 1", "nonsense", 'member = "hub"'])
def test_a_malformed_profile_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "profile.toml").write_text(content)
    with pytest.raises(Refused) as caught:
        Connection.open_profile(tmp_path)
    assert caught.value.refusal.code.name == "SECURITY_PROFILE_MALFORMED"


@given(st.integers(1, 50), st.floats(0, 1, exclude_max=True))
def test_pauses_are_jittered_and_capped(attempt: int, chance: float) -> None:
    policy = RetryPolicy()
    assert 0 <= policy.pause(attempt, chance) <= min(policy.pause_most, policy.pause_first * 2 ** (attempt - 1))


async def test_the_pause_that_a_service_asks_for_is_kept(federation: Federation, address: str, echo: Echo) -> None:
    echo.failures_left, pauses = 1, list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with _open(federation, address) as connection:
        calls = Calls(connection.calls.channel, connection._target, FAST, pause)
        await calls.unary(EchoStub(calls.channel).Ask, StringValue(value="busy"))
    assert timedelta(milliseconds=10).total_seconds() <= pauses[0] <= 0.02


class _EchoClient:
    """What a typed client of a capability looks like."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = EchoStub(calls.channel)

    async def ask(self, text: str) -> str:
        answer: StringValue = await self._calls.unary(self._stub.Ask, StringValue(value=text))
        return answer.value

    async def watch(self, text: str) -> AsyncIterator[str]:
        async for item in self._calls.stream(self._stub.Watch, StringValue(value=text)):
            yield item.value


class _EchoConnection(Connection):
    @property
    def echo(self) -> _EchoClient:
        return _EchoClient(self.calls)


@pytest.fixture
def threaded_address(federation: Federation, echo: Echo) -> Iterator[str]:
    """The listener in an event loop of another thread, as it would be in another process."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> RpcServer:
        server = _server(federation, echo)
        await server.start()
        return server

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(SECONDS)
    yield server.address
    asyncio.run_coroutine_threadsafe(server.stop(0), loop).result(SECONDS)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(SECONDS)
    loop.close()


def test_scripts_call_without_async(federation: Federation, threaded_address: str) -> None:
    credentials = Credentials.from_directory(federation.certify(node_identity("350000")))
    with SyncConnection(_EchoConnection.open(threaded_address, "hub", credentials)) as hub:
        assert hub.echo.ask("工伤") == "工伤"
        assert list(hub.echo.watch("abc")) == list("abc")
        letters = hub.echo.watch("abc")
        assert next(letters) == "a"
        letters.close()
        with pytest.raises(ServiceError) as caught:
            hub.echo.ask("refuse")
        assert isinstance(hub.connection, _EchoConnection)
        assert hub.run(hub.connection.echo.ask("typed")) == "typed"
    assert caught.value.code == "COMMON_UNIT_CODE_MALFORMED"


def test_the_sdk_needs_no_database_no_bus_and_no_service_library() -> None:
    script = "import sys, twelve333.client; print(*sorted({n.split('.')[0] for n in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert not {"sqlalchemy", "nats", "pydantic", "structlog", "alembic", "rjieba", "opentelemetry.sdk"} & set(loaded)
