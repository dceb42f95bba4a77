"""`alarms` lists everything that an operator must look at, wherever it was raised, in one table or one JSON list."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from twelve333.cli import alarms as command
from twelve333.cli.common import Common
from twelve333.client.registration import DirectoryAlarm, MemberStanding
from twelve333.core.delivery.status import Alarm, DeliveryStatus

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
FORKED = Alarm("320000", "DELIVERY_FORKED", "epoch 7, event 1", 2, NOW, NOW)
SPLIT = DirectoryAlarm("REGISTRATION_DIRECTORY_SPLIT", 3, NOW, NOW)


async def listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], member: str) -> list[dict[str, Any]]:
    async def status() -> DeliveryStatus:
        return DeliveryStatus(member, 1, (), (), alarms=(FORKED,))

    async def standings() -> list[MemberStanding]:
        return [MemberStanding("350000", NOW, "", (), None, None, (SPLIT,)), MemberStanding("360000", None, "", (), None, None, ())]

    @asynccontextmanager
    async def connect(_common: Common) -> AsyncIterator[Any]:
        yield SimpleNamespace(delivery=SimpleNamespace(status=status), registration=SimpleNamespace(member_standings=standings))

    monkeypatch.setattr(command, "connect", connect)
    await command.alarms(common=Common(json=True))
    return list(json.loads(capsys.readouterr().out))


async def test_a_node_lists_its_own_and_the_hub_also_what_members_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = NOW.isoformat(timespec="seconds")
    own = {"member": "320000", "code": "DELIVERY_FORKED", "detail": "epoch 7, event 1", "count": 2, "first_at": at, "last_at": at}
    assert await listed(monkeypatch, capsys, "360000") == [{"at": "360000", **own}]
    told = {"at": "350000", "member": "hub", "code": SPLIT.code, "detail": "", "count": 3, "first_at": at, "last_at": at}
    assert await listed(monkeypatch, capsys, "hub") == [{"at": "hub", **own}, told]
