"""Authorities and certificate folders of a small federation, and a service with RPCs of all four shapes, for tests of listeners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.signing.authority import Authority, create_authority
from twelve333.adapters.signing.keys import key_and_request, write_material
from twelve333.core.decision import FieldViolation, Refusal, Refused, refuse
from twelve333.core.identity import Identity, dns_name
from twelve333.core.ids import UNIT_CODE_MALFORMED
from twelve333.wire import codes

SERVICE = "twelve333.test.EchoService"


@dataclass(frozen=True, slots=True)
class Federation:
    """One authority and the folders it has certified, under `folder`."""

    folder: Path
    authority: Authority

    @classmethod
    def create(cls, folder: Path) -> Federation:
        """A new authority in `folder`."""
        return cls(folder, create_authority(folder / "ca", "test", datetime.now(UTC)))

    def certify(self, identity: Identity, *, carries_root: bool = False) -> Path:
        """A folder with key, certificate and root for `identity`, which may serve on loopback."""
        folder = self.folder / identity.uri.replace("/", "_")
        names = [dns_name(identity.caller.member), "localhost"]
        issued = self.authority.issue(
            key_and_request(folder), identity, names, timedelta(days=1), datetime.now(UTC), carries_root=carries_root
        )
        write_material(folder, issued.chain, issued.root)
        return folder


@dataclass
class Echo:
    """Answers what it is asked; `calls` counts handler runs. The text chooses the behaviour."""

    calls: int = 0
    failures_left: int = 0
    seen: list[str] = field(default_factory=list)

    def register(self, server: grpc.aio.Server) -> None:
        """A `Register` of `build_server`."""
        read, write = StringValue.FromString, StringValue.SerializeToString
        handlers = {
            "Ask": grpc.unary_unary_rpc_method_handler(self.ask, read, write),
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch, read, write),
            "Send": grpc.stream_unary_rpc_method_handler(self.send, read, write),
            "Talk": grpc.stream_stream_rpc_method_handler(self.talk, read, write),
        }
        server.add_registered_method_handlers(SERVICE, handlers)

    async def ask(self, request: StringValue, context: Any) -> StringValue:
        """Answer once."""
        self.calls += 1
        caller = current_caller()
        self.seen.append(f"{caller.role.value}:{caller.member}:{caller.name}")
        if self.failures_left:
            self.failures_left -= 1
            raise Refused(refusal(request.value))
        if request.value == "bug":
            raise RuntimeError("the secret inside")
        if request.value.startswith("ask "):
            async with grpc.aio.insecure_channel(request.value.removeprefix("ask ")) as channel:
                return await EchoStub(channel).Ask(StringValue(value="refuse"), timeout=5)
        if request.value == "hang":
            await asyncio.Event().wait()
        if request.value == "refuse":
            raise Refused(refusal(request.value))
        return StringValue(value=request.value)

    async def watch(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        """Answer each character; refuse at a `!`."""
        self.calls += 1
        for letter in request.value:
            if letter == "!":
                raise Refused(refusal("refuse"))
            yield StringValue(value=letter)

    async def send(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        """Join what is sent."""
        self.calls += 1
        return StringValue(value="".join([request.value async for request in requests]))

    async def talk(self, requests: AsyncIterator[StringValue], context: Any) -> AsyncIterator[StringValue]:
        """Answer each as it comes."""
        self.calls += 1
        async for request in requests:
            yield request


def refusal(asked: str) -> Refusal:
    """`busy`: come back in 10 ms; `away`: unavailable; else a malformed field, with a retry time."""
    if asked == "busy":
        return refuse(codes.TOO_BUSY, retry_after=timedelta(milliseconds=10), max=1)
    if asked == "away":
        return refuse(codes.STOPPING)
    fault = FieldViolation("unit.code", UNIT_CODE_MALFORMED, {"code": "35"})
    return Refusal(UNIT_CODE_MALFORMED, {"code": "35"}, (fault,), timedelta(seconds=7))


class EchoStub:
    """The stub of `Echo`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        write, read = StringValue.SerializeToString, StringValue.FromString
        self.Ask = channel.unary_unary(f"/{SERVICE}/Ask", write, read)
        self.Watch = channel.unary_stream(f"/{SERVICE}/Watch", write, read)
        self.Send = channel.stream_unary(f"/{SERVICE}/Send", write, read)
        self.Talk = channel.stream_stream(f"/{SERVICE}/Talk", write, read)
        self.Missing = channel.unary_unary(f"/{SERVICE}/Missing", write, read)
