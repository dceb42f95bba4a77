"""A listener over real mutual TLS: who may not call is refused before the handler runs, and every end is a rich status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.support.members import SERVICE, Echo, EchoStub, Federation

from twelve333.adapters.rpc.access import AccessTable
from twelve333.adapters.rpc.credentials import channel_credentials, channel_options, server_credentials
from twelve333.adapters.rpc.gate import Limits
from twelve333.adapters.rpc.health import AUTHENTICATED_ROWS, Health
from twelve333.adapters.rpc.server import Listener, RpcServer, build_server
from twelve333.adapters.signing.keys import load_material
from twelve333.adapters.signing.pinning import fetch_root
from twelve333.client.errors import ServiceError, Target, raising_service_errors
from twelve333.core.decision import Kind, Refused
from twelve333.core.identity import (
    FEDERATION_DOMAIN,
    Identity,
    Role,
    desk_identity,
    hub_identity,
    node_identity,
    operator_identity,
)

METHODS = tuple(f"/{SERVICE}/{name}" for name in ("Ask", "Watch", "Send", "Talk"))
TABLE: AccessTable = {**dict.fromkeys(METHODS, frozenset({Role.NODE})), **AUTHENTICATED_ROWS}
NODE = node_identity("350000")
HELLO = StringValue(value="hello")
SECONDS = 10.0


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    return Federation.create(tmp_path_factory.mktemp("federation"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    return Federation.create(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def listening(federation: Federation, echo: Echo) -> AsyncIterator[RpcServer]:
    server = await _start(_listener(federation), echo)
    yield server
    await server.stop(0)


def _listener(federation: Federation, limits: Limits | None = None) -> Listener:
    credentials = server_credentials(federation.certify(hub_identity(), carries_root=True))
    return Listener("127.0.0.1:0", credentials, FEDERATION_DOMAIN, limits=limits or Limits())


async def _start(listener: Listener, echo: Echo) -> RpcServer:
    server = build_server(listener, [echo.register], TABLE)
    await server.start()
    return server


def _dial(server: RpcServer, folder: Path, member: str = "hub") -> grpc.aio.Channel:
    return grpc.aio.secure_channel(server.address, channel_credentials(folder), options=channel_options(member))


async def _refused(server: RpcServer, folder: Path, method: str = "Ask", locale: str = "en") -> ServiceError:
    async with _dial(server, folder) as channel:
        with pytest.raises(ServiceError) as caught, raising_service_errors(Target("hub", server.address, SECONDS, locale)):
            await getattr(EchoStub(channel), method)(HELLO, timeout=SECONDS, metadata=(("accept-language", locale),))
    return caught.value


async def test_the_right_role_passes_all_four_shapes(listening: RpcServer, federation: Federation, echo: Echo) -> None:
    async with _dial(listening, federation.certify(NODE)) as channel:
        stub = EchoStub(channel)
        parts = [StringValue(value="a"), StringValue(value="b")]
        assert (await stub.Ask(HELLO, timeout=SECONDS)).value == "hello"
        assert [item.value async for item in stub.Watch(HELLO, timeout=SECONDS)] == list("hello")
        assert (await stub.Send(iter(parts), timeout=SECONDS)).value == "ab"
        assert [item.value async for item in stub.Talk(iter(parts), timeout=SECONDS)] == ["a", "b"]
    assert echo.seen == ["node:350000:"]
    assert echo.calls == 4


async def test_a_wrong_role_is_refused_before_the_handler_runs(listening: RpcServer, federation: Federation, echo: Echo) -> None:
    error = await _refused(listening, federation.certify(operator_identity("li")))
    assert (error.code, error.kind) == ("RPC_ROLE_DENIED", Kind.DENIED)
    assert echo.calls == 0


async def test_streams_are_refused_before_the_handler_runs(listening: RpcServer, federation: Federation, echo: Echo) -> None:
    async with _dial(listening, federation.certify(operator_identity("li"))) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            _ = [item async for item in EchoStub(channel).Watch(HELLO, timeout=SECONDS)]
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await EchoStub(channel).Send(iter([HELLO]), timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert echo.calls == 0


async def test_an_unknown_rpc_is_refused(listening: RpcServer, federation: Federation) -> None:
    error = await _refused(listening, federation.certify(NODE), "Missing")
    assert error.code == "RPC_METHOD_UNKNOWN"


async def test_no_certificate_and_a_foreign_authority_do_not_get_through(
    listening: RpcServer, federation: Federation, stranger: Federation, echo: Echo
) -> None:
    own = load_material(federation.certify(NODE))
    forged = load_material(stranger.certify(NODE))
    for credentials in (grpc.ssl_channel_credentials(own.root), channel_credentials(replace(forged, root=own.root))):
        async with grpc.aio.secure_channel(listening.address, credentials, options=channel_options("hub")) as channel:
            with pytest.raises(ServiceError) as caught, raising_service_errors():
                await EchoStub(channel).Ask(HELLO, timeout=SECONDS)
        assert caught.value.kind in {Kind.UNAVAILABLE, Kind.UNAUTHENTICATED}
    assert echo.calls == 0


async def test_another_trust_domain_under_the_same_authority_is_refused(listening: RpcServer, federation: Federation, echo: Echo) -> None:
    error = await _refused(listening, federation.certify(desk_identity("350000", "seat-1")))
    assert error.code == "RPC_CALLER_FOREIGN"
    assert echo.calls == 0


async def test_a_listener_that_is_not_the_member_dialled_is_not_believed(listening: RpcServer, federation: Federation, echo: Echo) -> None:
    async with _dial(listening, federation.certify(NODE), member="310000") as channel:
        with pytest.raises(ServiceError) as caught, raising_service_errors(Target("310000", listening.address)):
            await EchoStub(channel).Ask(HELLO, timeout=SECONDS)
    assert caught.value.code == "RPC_NOT_TRUSTED"
    assert echo.calls == 0


async def test_a_revoked_certificate_is_refused_at_the_next_call(federation: Federation, echo: Echo) -> None:
    folder, revoked = federation.certify(NODE), set[str]()
    from twelve333.core.decision import refuse
    from twelve333.wire import codes

    listener = replace(_listener(federation), admission=lambda _, shown: refuse(codes.CALLER_UNKNOWN) if shown.serial in revoked else None)
    server = await _start(listener, echo)
    async with _dial(server, folder) as channel:
        await EchoStub(channel).Ask(HELLO, timeout=SECONDS)
        revoked.add(load_material(folder).serial)
        with pytest.raises(ServiceError) as caught, raising_service_errors():
            await EchoStub(channel).Ask(HELLO, timeout=SECONDS)
    await server.stop(0)
    assert (caught.value.code, echo.calls) == ("RPC_CALLER_UNKNOWN", 1)


@pytest.mark.parametrize(("locale", "word"), [("en", "is not a unit code"), ("zh", "不是单位代码")])
async def test_a_refusal_arrives_whole(listening: RpcServer, federation: Federation, locale: str, word: str) -> None:
    async with _dial(listening, federation.certify(NODE)) as channel:
        with pytest.raises(ServiceError) as caught, raising_service_errors(Target("hub", locale=locale)):
            await EchoStub(channel).Ask(StringValue(value="refuse"), timeout=SECONDS, metadata=(("accept-language", locale),))
    error = caught.value
    assert (error.code, error.kind, error.retry_after) == ("COMMON_UNIT_CODE_MALFORMED", Kind.INVALID, timedelta(seconds=7))
    assert word in error.sentence
    assert [violation.path for violation in error.violations] == ["unit.code"]
    assert word in error.violations[0].sentence


async def test_a_refusal_in_the_middle_of_a_stream_arrives(listening: RpcServer, federation: Federation) -> None:
    got = []
    async with _dial(listening, federation.certify(NODE)) as channel:
        with pytest.raises(ServiceError) as caught, raising_service_errors():
            async for item in EchoStub(channel).Watch(StringValue(value="ab!c"), timeout=SECONDS):
                got.append(item.value)
    assert (got, caught.value.code) == (["a", "b"], "COMMON_UNIT_CODE_MALFORMED")


async def test_a_bug_gives_a_number_and_nothing_else(listening: RpcServer, federation: Federation) -> None:
    async with _dial(listening, federation.certify(NODE)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await EchoStub(channel).Ask(StringValue(value="bug"), timeout=SECONDS)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value)
    with pytest.raises(ServiceError) as told, raising_service_errors():
        raise caught.value
    assert len(told.value.refusal.params["trace"]) == 32


async def test_what_another_member_refused_is_passed_on_and_its_absence_told(
    listening: RpcServer, federation: Federation, free_port: int
) -> None:
    rows: AccessTable = dict.fromkeys(METHODS, frozenset({Role.ANYONE}))
    other = build_server(Listener("127.0.0.1:0", None, None), [Echo().register], rows)
    await other.start()
    codes = []
    async with _dial(listening, federation.certify(NODE)) as channel:
        for address in (other.address, f"127.0.0.1:{free_port}"):
            with pytest.raises(ServiceError) as caught, raising_service_errors():
                await EchoStub(channel).Ask(StringValue(value=f"ask {address}"), timeout=SECONDS)
            codes.append(caught.value.code)
    await other.stop(0)
    assert codes == ["COMMON_UNIT_CODE_MALFORMED", "RPC_PEER_AWAY"]


async def test_noise_instead_of_a_request_is_refused(listening: RpcServer, federation: Federation, echo: Echo) -> None:
    async with _dial(listening, federation.certify(NODE)) as channel:
        with pytest.raises(ServiceError) as caught, raising_service_errors():
            await channel.unary_unary(METHODS[0])(b"\xff\xff\xff", timeout=SECONDS)
    assert (caught.value.code, echo.calls) == ("RPC_REQUEST_MALFORMED", 0)


async def test_a_caller_without_a_deadline_gets_ours(federation: Federation, echo: Echo) -> None:
    server = await _start(_listener(federation, Limits(unary=timedelta(milliseconds=50))), echo)
    async with _dial(server, federation.certify(NODE)) as channel:
        with pytest.raises(ServiceError) as caught, raising_service_errors():
            await asyncio.wait_for(EchoStub(channel).Ask(StringValue(value="hang")), SECONDS)
    await server.stop(0)
    assert (caught.value.code, caught.value.kind) == ("RPC_TIMED_OUT", Kind.TIMED_OUT)


async def test_more_than_the_limit_is_told_when_to_come_back(federation: Federation, echo: Echo) -> None:
    server = await _start(_listener(federation, Limits(rpcs_max=1)), echo)
    async with _dial(server, federation.certify(NODE)) as channel:
        talk = EchoStub(channel).Talk(timeout=SECONDS)
        await talk.write(HELLO)
        assert (await talk.read()).value == "hello"
        with pytest.raises(ServiceError) as caught, raising_service_errors():
            await EchoStub(channel).Ask(HELLO, timeout=SECONDS)
        talk.cancel()
    await server.stop(0)
    assert (caught.value.code, caught.value.retry_after) == ("RPC_TOO_BUSY", timedelta(milliseconds=200))


async def test_a_port_in_use_is_refused_with_its_address(listening: RpcServer, federation: Federation, echo: Echo) -> None:
    with pytest.raises(Refused) as caught:
        build_server(replace(_listener(federation), address=listening.address), [echo.register], TABLE)
    assert caught.value.refusal.code.name == "RPC_ADDRESS_IN_USE"
    assert caught.value.refusal.params == {"address": listening.address}


async def test_an_rpc_without_a_row_stops_the_service_at_start(federation: Federation, echo: Echo) -> None:
    rows = {method: roles for method, roles in TABLE.items() if not method.endswith("/Send")}
    with pytest.raises(ValueError, match=r"EchoService/Send"):
        build_server(_listener(federation), [echo.register], rows)


async def test_a_renewed_certificate_is_served_without_a_restart(federation: Federation, listening: RpcServer) -> None:
    hub = federation.folder / hub_identity().uri.replace("/", "_")
    before = load_material(hub).serial
    federation.certify(hub_identity(), carries_root=True)
    assert load_material(hub).serial != before
    async with _dial(listening, federation.certify(NODE)) as channel:
        await EchoStub(channel).Ask(HELLO, timeout=SECONDS)
    root = await asyncio.to_thread(fetch_root, listening.address, federation.authority.pin, datetime.now(UTC))
    assert root == federation.authority.root_pem


async def test_a_half_written_renewal_leaves_the_old_certificate_in_use(federation: Federation, echo: Echo) -> None:
    server = await _start(_listener(federation), echo)
    chain = federation.folder / hub_identity().uri.replace("/", "_") / "tls.crt"
    good = chain.read_bytes()
    chain.write_bytes(b"half")
    async with _dial(server, federation.certify(NODE)) as channel:
        assert (await EchoStub(channel).Ask(HELLO, timeout=SECONDS)).value == "hello"
    chain.write_bytes(good)
    await server.stop(0)


async def test_a_pin_of_another_federation_is_refused(listening: RpcServer, stranger: Federation) -> None:
    with pytest.raises(Refused) as caught:
        await asyncio.to_thread(fetch_root, listening.address, stranger.authority.pin, datetime.now(UTC))
    assert caught.value.refusal.code.name == "SECURITY_PIN_MISMATCH"


async def test_joining_where_nobody_listens_or_with_a_bad_pin_is_refused(free_port: int, federation: Federation) -> None:
    for address, pin, code in (
        (f"127.0.0.1:{free_port}", federation.authority.pin, "SECURITY_HUB_UNREACHABLE"),
        ("nonsense", federation.authority.pin, "SECURITY_HUB_UNREACHABLE"),
        ("127.0.0.1:1", "sha256:12", "SECURITY_PIN_MALFORMED"),
    ):
        with pytest.raises(Refused) as caught:
            await asyncio.to_thread(fetch_root, address, pin, datetime.now(UTC))
        assert caught.value.refusal.code.name == code


async def test_health_is_ready_only_when_every_check_is_good(federation: Federation) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    health = Health("database", "directory")
    await health.start()
    server = build_server(_listener(federation), [health.register], TABLE)
    await server.start()
    async with _dial(server, federation.certify(operator_identity("li"))) as channel:
        stub, ready = health_pb2_grpc.HealthStub(channel), health_pb2.HealthCheckRequest(service="ready")
        watch = stub.Watch(ready, timeout=SECONDS)
        answers = [(await stub.Check(ready, timeout=SECONDS)).status, (await watch.read()).status]
        await health.set("database", True)
        answers.append((await stub.Check(ready, timeout=SECONDS)).status)
        await health.set("directory", True)
        answers += [(await stub.Check(ready, timeout=SECONDS)).status, (await watch.read()).status]
        assert (await stub.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)).status == 1
        watch.cancel()
        await health.stop()
        answers.append((await stub.Check(ready, timeout=SECONDS)).status)
    await server.stop(0)
    assert answers == [2, 2, 2, 1, 1, 2]
    assert health.checks == {"database": True, "directory": True}


def test_identities_used_here_are_of_the_domains_they_claim() -> None:
    members: list[Identity] = [NODE, hub_identity()]
    assert all(member.trust_domain == FEDERATION_DOMAIN for member in members)
