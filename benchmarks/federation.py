"""A small federation of real processes to measure: broker, hub and two nodes, with the 366 units; nodes on SQLite or PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from twelve333.api.registration.v1 import service_pb2
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import everybody_has_directory
from twelve333.cli.unit import sample_entries

ORIGIN: Final = "360000"
PEER: Final = "350000"
SEATS: Final = 10_000  # so that no call is refused for want of a seat
DATABASE: Final = "TWELVE333_DATABASE__URL"
# What is slow is measured as slow, not given up; and what is fast is not held back.
PATIENT: Final = {
    "TWELVE333_HANDOFF__CANDIDATE_MS": "10000",
    "TWELVE333_HANDOFF__TOTAL_MS": "20000",
    **{f"TWELVE333_LIMITS__{who}_{what}": "1000000" for who in ("MEMBER", "DESK") for what in ("PER_SECOND", "BURST")},
}


@asynccontextmanager
async def two_nodes(
    folder: Path, urls: Sequence[str] = (), *, stand_in: str = "", settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Federation]:
    """The nodes `ORIGIN` and `PEER`, with a hub and a broker, ready to hand calls to each other.

    Args:
        folder: for data, settings and logs.
        urls: databases of the two nodes; SQLite in their folders if there are none.
        stand_in: a province with a node as well, whose unit has agreed to answer for all units of `PEER`.
        settings: of all nodes and the hub, beyond those that make them patient.
    """
    federation = Federation(folder, lambda *_args, **_params: None, {**PATIENT, "TWELVE333_LOGGING__LEVEL": "warning", **settings})
    try:
        await federation.start_hub()
        for number, province in enumerate((ORIGIN, PEER, *([stand_in] if stand_in else ()))):
            with _surroundings(urls[number] if number < len(urls) else ""):
                await federation.add_nodes([province])
        async with federation.hub.connect() as hub:
            _, version = await hub.registration.register_units(_entries(stand_in))
        await everybody_has_directory(federation, version)
        yield federation
    finally:
        await federation.stop()


def _entries(stand_in: str) -> list[service_pb2.UnitEntry]:
    entries = sample_entries()
    for entry in entries:
        if entry.HasField("declaration"):
            entry.declaration.seats = SEATS
            if stand_in and entry.unit.code.startswith(PEER[:2]):
                entry.declaration.fallbacks.append(stand_in)
    return entries


@contextmanager
def _surroundings(url: str) -> Iterator[None]:
    """A database URL with a password reaches a service by its environment only; both `join` and `run` inherit ours."""
    if not url:
        yield
        return
    os.environ[DATABASE] = url
    try:
        yield
    finally:
        del os.environ[DATABASE]
