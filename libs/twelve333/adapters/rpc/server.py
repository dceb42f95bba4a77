"""A listener: one address, one trust domain, the services offered there, all behind the gate.

An RPC without a row in the access table, or a port that is in use, stops the service at start with a clear sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import grpc

from ...core.decision import Refused, refuse
from ...wire import codes
from .access import Access, AccessTable, Admission
from .credentials import server_options
from .gate import Gate, Limits

# Registers a servicer with a server: `partial(add_CaseServiceServicer_to_server, servicer)`.
Register = Callable[[grpc.aio.Server], None]
Handlers: TypeAlias = "Mapping[str, grpc.RpcMethodHandler[Any, Any]]"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where and to whom.

    Args:
        address: `host:port`; port 0 takes a free one.
        credentials: None for plaintext, only for probes on loopback or inside a pod.
        domain: trust domain of callers; None where they show no certificate (enrolment, probes): all are `ANYONE`.
        admission: a further check of each call, e.g. for revoked certificates.
        limits: what the listener bears.
        locale: for callers that wish none.
    """

    address: str
    credentials: grpc.ServerCredentials | None
    domain: str | None
    admission: Admission | None = None
    limits: Limits = field(default_factory=Limits)
    locale: str = "en"


@dataclass(frozen=True, slots=True)
class RpcServer:
    """A bound listener.

    Args:
        server: of gRPC.
        address: `host:port` as bound.
        methods: full names of the RPCs offered.
    """

    server: grpc.aio.Server
    address: str
    methods: frozenset[str]

    async def start(self) -> None:
        """Serve."""
        await self.server.start()

    async def stop(self, drain_seconds: float) -> None:
        """Take no new RPCs, give those in hand `drain_seconds`, then cancel them."""
        await self.server.stop(drain_seconds)


def build_server(listener: Listener, register: Sequence[Register], table: AccessTable) -> RpcServer:
    """Bind a listener and put services behind its gate; call it inside the event loop that will serve.

    Args:
        listener: where and to whom.
        register: one for each servicer.
        table: full method name to roles; must have a row for every RPC registered.

    Raises:
        Refused: RPC_ADDRESS_IN_USE.
        ValueError: an RPC has no row (a bug).
    """
    offered = _Collected()
    for add in register:
        add(cast("grpc.aio.Server", offered))
    rowless = sorted(offered.handlers.keys() - table.keys())
    if rowless:
        raise ValueError(f"no row in the access table: {', '.join(rowless)}")
    gate = Gate(Access(table, listener.domain, listener.admission), listener.limits, listener.locale)
    wrapped = {method: gate.wrap(method, handler) for method, handler in offered.handlers.items()}
    server = grpc.aio.server(handlers=[_Dispatch(gate, wrapped)], options=server_options(strangers=_for_strangers(listener)))
    return RpcServer(server, _bind(server, listener), frozenset(wrapped))


def _for_strangers(listener: Listener) -> bool:
    """Whether anybody on the network may connect; probes come from loopback or the same pod, and keep their connections."""
    return listener.domain is None and listener.credentials is not None


def _bind(server: grpc.aio.Server, listener: Listener) -> str:
    try:
        if listener.credentials is None:
            port = server.add_insecure_port(listener.address)
        else:
            port = server.add_secure_port(listener.address, listener.credentials)
    except RuntimeError as error:
        raise Refused(refuse(codes.ADDRESS_IN_USE, address=listener.address)) from error
    return f"{listener.address.rpartition(':')[0]}:{port}"


class _Collected:
    """Stands in for a server while generated code registers its handlers."""

    def __init__(self) -> None:
        self.handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def add_generic_rpc_handlers(self, generic: Sequence[grpc.GenericRpcHandler]) -> None:
        """The older of two calls that generated code makes; the other one carries the names."""

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        """Keep the handlers under their full names."""
        self.handlers.update({f"/{service}/{name}": handler for name, handler in handlers.items()})


class _Dispatch(grpc.GenericRpcHandler):
    """Finds the wrapped handler of a call."""

    def __init__(self, gate: Gate, handlers: Handlers) -> None:
        self._gate = gate
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler; one that refuses if there is none."""
        method = handler_call_details.method
        return self._handlers.get(method) or self._gate.refuse_unknown(method)
