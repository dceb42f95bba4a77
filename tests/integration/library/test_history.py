"""What the library said before, by both times: each text as it was recorded, and the one that was in force on a day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.library.stage import CALL, Stage, open_stage
from tests.support.postgres import Cluster

from national_hub.handlers.library_history import LibraryHistoryHandlers
from province_node.handlers.library_history import LibraryHistoryHandlers as NodeHistory
from province_node.store import library as node_store
from twelve333.adapters.library_reading import LibraryReading
from twelve333.api.library.v1 import history_pb2 as pb
from twelve333.api.library.v1 import service_pb2
from twelve333.core.decision import Refused
from twelve333.core.library import codes
from twelve333.core.library.model import Entry, EntryKind
from twelve333.wire.times import from_timestamp, to_timestamp


def _law(name: str, body: str, first: date, end: date | None = None, **more: Any) -> Entry:
    return Entry(name, EntryKind.POLICY, f"条例（{first.year}）", body, ("04",), document="law", valid_from=first, valid_to=end, **more)


OLD = _law("law-2004", "旧文", date(2004, 1, 1), date(2011, 1, 1), review_due=date(2014, 6, 1), applies_to=date(2012, 1, 1))
NEW = _law("law-2011", "新文", date(2011, 1, 1), review_due=date(2015, 6, 1))


@pytest.fixture(params=["sqlite", "postgresql"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    cluster: Cluster | None = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    urls = [cluster.create_database() if cluster else f"sqlite:///{tmp_path / name}.db" for name in ("hub", "node")]
    async for one in open_stage(urls):
        yield one
    for url in urls if cluster else ():
        cluster.drop_database(url)  # type: ignore[union-attr]


async def _text(history: Any, name: str, as_at: str = "", as_of: datetime | None = None) -> tuple[str, int]:
    request = pb.GetTextAtRequest(id=name, as_at=as_at, as_of=to_timestamp(as_of) if as_of else None)
    stored = (await history.GetTextAt(request, CALL)).entry
    return stored.entry.body, stored.version


async def test_both_times_answer_apart(stage: Stage) -> None:
    await stage.publish(OLD, NEW)
    before = stage.clock.later(hours=1)
    stage.clock.later(hours=1)
    await stage.publish(_law("law-2004", "旧文（更正）", date(2004, 1, 1), date(2011, 1, 1)))
    stage.clock.later(hours=1)
    await stage.publish(remove="law-2011")
    history = LibraryHistoryHandlers(stage.hub)
    assert await _text(history, "law", "2010-06-30") == ("旧文（更正）", 2)
    assert await _text(history, "law", "2010-06-30", before) == ("旧文", 1)
    assert await _text(history, "law-2011", "2010-06-30", before) == ("旧文", 1)
    assert await _text(history, "law", "2011-01-01", before) == ("新文", 1)
    assert await _text(history, "law-2011", as_of=before) == ("新文", 1)
    with pytest.raises(Refused) as gone:
        await _text(history, "law", "2011-01-01")
    assert gone.value.refusal.code is codes.NOTHING_IN_FORCE
    with pytest.raises(Refused) as never:
        await _text(history, "law", as_of=datetime.fromisoformat("2001-01-01T00:00+00:00"))
    assert never.value.refusal.code is codes.ENTRY_NOT_FOUND


async def test_every_text_and_removal_of_an_entry_is_listed_with_its_moment(stage: Stage) -> None:
    await stage.publish(OLD)
    first, second = stage.clock.now, stage.clock.later(days=1)
    await stage.publish(remove=OLD.id)
    answer = await LibraryHistoryHandlers(stage.hub).ListVersions(pb.ListVersionsRequest(id=OLD.id), CALL)
    told = [(one.change.version, from_timestamp(one.change.recorded_at), one.entry.title) for one in answer.versions]
    assert told == [(2, second, ""), (1, first, OLD.title)]
    assert not answer.versions[1].change.content and not answer.versions[1].entry.body


async def test_a_node_answers_for_any_day_of_force_from_its_own_copy_and_keeps_the_moment_of_recording(stage: Stage) -> None:
    await stage.publish(OLD, NEW)
    await stage.copy()
    history = NodeHistory(stage.node)
    assert await _text(history, "law", "2005-01-01") == ("旧文", 1)
    assert await _text(history, "law-2004", "2014-03-30") == ("新文", 1)
    stored = (await history.GetTextAt(pb.GetTextAtRequest(id="law"), CALL)).entry
    assert (stored.entry.id, from_timestamp(stored.recorded_at)) == ("law-2011", stage.clock.now)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"as_at": "2010-12-31"}, ["law-2004"]),
        ({"as_at": "2011-01-01"}, ["law-2011"]),
        ({"applies_at": "2011-06-01"}, ["law-2004", "law-2011"]),
        ({"due_by": "2014-06-01"}, ["law-2004"]),
        ({"due_by": "2014-06-01", "owner_unit": "350000"}, []),
        ({"document": "law", "as_at": "2003-01-01"}, []),
    ],
)
async def test_lists_are_narrowed_by_days_of_force_application_and_review(stage: Stage, asked: dict[str, str], found: list[str]) -> None:
    await stage.publish(OLD, NEW)
    await stage.copy()
    reading = LibraryReading(stage.node.database, node_store.tables, stage.clock)
    answer = await reading.ListEntries(service_pb2.ListEntriesRequest(**asked), CALL)  # type: ignore[arg-type]
    assert [one.entry.id for one in answer.entries] == found
