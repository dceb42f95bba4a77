"""The hub looks at a node that examined itself: is that signed, and can what the hub sees too be seen?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from twelve333 import __version__
from twelve333.adapters.clock import Clock
from twelve333.adapters.rpc.health import READY, SERVING
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.signing.statements import Signature, Verifier
from twelve333.core.decision import Refused
from twelve333.core.doctor.examinations import Seen, judge_examination
from twelve333.core.registration.life import Evidence
from twelve333.wire.examinations import SAID, decode_examined, signed_of

REACH_SECONDS: Final = 4.0
Reach = Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Examining:
    """Judges findings of nodes.

    Args:
        verifier: checks signatures of members.
        reach: reaches a member's node under its own name; why it could not, a code, or empty.
        clock: the present moment.
    """

    verifier: Verifier
    reach: Reach
    clock: Clock

    async def judge(self, member: str, told: Evidence) -> Evidence:
        """What is put on record of what a node told, with what it signed."""
        signed, now = signed_of(told.signed), self.clock()
        refusal = self.verifier.check(member, SAID + signed.examination, Signature(signed.signature, signed.chain))
        unsigned = refusal.code.name if refusal else ""
        unreached = "" if unsigned else await self.reach(member)
        found = judge_examination(decode_examined(signed.examination), member, Seen(unsigned, unreached, __version__, now))
        return replace(found, signed=told.signed)


def reaching(peers: Peers, refresh: Callable[[], Awaitable[None]]) -> Reach:
    """Reaches nodes over mutual TLS: the answer is of who has the member's certificate at its address of the directory.

    Args:
        peers: our channels.
        refresh: reads the addresses again.
    """

    async def reach(member: str) -> str:
        try:
            await refresh()
            stub = health_pb2_grpc.HealthStub(peers.channel(member))
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=READY), timeout=REACH_SECONDS, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        except Refused as refused:
            return refused.refusal.code.name
        return "" if answer.status == SERVING else "NOT_READY"

    return reach
