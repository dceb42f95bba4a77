"""Health that tells the truth: alive while the process answers, ready only while every named check is good.

Source: grpc.health.v1; `""` is liveness, `ready` is readiness, both for Kubernetes' gRPC probes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ...core.identity import Role
from .access import AUTHENTICATED, AccessTable

READY: Final = "ready"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
_METHODS: Final = ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/List")
AUTHENTICATED_ROWS: Final[AccessTable] = dict.fromkeys(_METHODS, AUTHENTICATED)
PROBE_ROWS: Final[AccessTable] = dict.fromkeys(_METHODS, frozenset({Role.ANYONE}))


class Health:
    """The health of one process, served on any number of listeners.

    Args:
        checks: names of what must be good before the process is ready, e.g. `database`, `directory`; all start as not good.
        details: names of what is told beside it, each a health service of its own; the process is ready whatever they say.
    """

    def __init__(self, *checks: str, details: Iterable[str] = ()) -> None:
        self._checks = dict.fromkeys(checks, False)
        self._details: dict[str, bool | None] = dict.fromkeys(details)
        self._servicer = health.aio.HealthServicer()

    def register(self, server: grpc.aio.Server) -> None:
        """Put the health service onto a listener (a `Register` of `build_server`)."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    @property
    def checks(self) -> Mapping[str, bool]:
        """Each check and whether it is good."""
        return dict(self._checks)

    @property
    def ready(self) -> bool:
        """Whether all checks are good."""
        return all(self._checks.values())

    async def set(self, check: str, good: bool) -> None:
        """Say how a check stands; probes and watchers learn at once.

        Raises:
            KeyError: a check that was not named (a bug).
        """
        if self._checks[check] != good:
            self._checks[check] = good
            await self._publish()

    async def tell(self, detail: str, good: bool) -> None:
        """Say how a detail stands.

        Raises:
            KeyError: a detail that was not named (a bug).
        """
        if self._details[detail] is not good:
            self._details[detail] = good
            await self._servicer.set(detail, SERVING if good else NOT_SERVING)

    async def start(self) -> None:
        """Say for the first time how things stand."""
        await self._servicer.set("", SERVING)
        await self._publish()

    async def stop(self) -> None:
        """Not serving any more: set before draining, so that load moves away first."""
        await self._servicer.enter_graceful_shutdown()

    async def _publish(self) -> None:
        await self._servicer.set(READY, SERVING if self.ready else NOT_SERVING)
