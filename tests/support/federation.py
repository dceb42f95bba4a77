"""A whole federation of real processes, started once for all tests that need one: broker, hub, five nodes, the table of 2013."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import everybody_has_directory
from twelve333.cli.unit import sample_entries

from .typed import typed

PROVINCES = ("320000", "360000", "350000", "230000", "310000")
# One worker runs every test of the federation: it is started once, and its tests do not disturb each other's counts.
one_federation = pytest.mark.xdist_group("federation")


@dataclass(frozen=True)
class Answer:
    """What a command line came to."""

    code: int
    out: str
    err: str


def cli(
    *words: object, profile: Path | None = None, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: str | None = None
) -> Answer:
    """Run `twelve333` as a user would, in English unless `env` says otherwise."""
    arguments = [*map(str, words), *(["--profile", str(profile)] if profile else [])]
    surroundings = {**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "200", **(env or {})}
    return Answer(*typed(arguments, surroundings, cwd or Path.cwd(), stdin))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def federation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Federation]:
    """Broker, hub and the five nodes of the demo, with the 366 units of 2013 in every node's directory."""
    made = Federation(tmp_path_factory.mktemp("federation"), lambda *_args, **_params: None, {"TWELVE333_TELEMETRY__EXPORTER": "console"})
    try:
        await made.start_hub()
        await made.add_nodes(PROVINCES)
        async with made.hub.connect() as hub:
            _, version = await hub.registration.register_units(sample_entries())
        await everybody_has_directory(made, version)
        yield made
    finally:
        await made.stop()
