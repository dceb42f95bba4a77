"""The hub learns at its start what the first search needs, as a node does."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from national_hub import assembly
from national_hub.init import Plan, create
from national_hub.settings import HubSettings
from national_hub.store import delivery_of
from twelve333.adapters.library_reading import LibraryReading
from twelve333.adapters.settings import load
from twelve333.adapters.sql.prepare import prepare

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)


async def test_a_hub_learns_at_its_start_what_the_first_search_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = asyncio.Event()
    get_ready = LibraryReading.get_ready

    async def watched(reading: LibraryReading) -> None:
        await get_ready(reading)
        learnt.set()

    monkeypatch.setattr(LibraryReading, "get_ready", watched)
    await asyncio.to_thread(create, Plan(tmp_path / "hub", "127.0.0.1", 0, 0, 0, 1, "operator"), NOW)
    settings = load(HubSettings, tmp_path / "hub" / "hub.toml")
    await prepare("national_hub", settings.database_url, delivery_of("hub"), NOW)
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        await assembly.assemble(settings, stack)
        await learnt.wait()
