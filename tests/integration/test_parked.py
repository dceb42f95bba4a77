"""Operators look at, retry and drop what a running node set aside; nobody else may, and nothing of its content is shown."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime

from tests.support.federation import cli, one_federation
from twelve333.cli.demo.federation import Federation

pytestmark = one_federation
PROVINCE = "230000"
SECRET = "张三 13800000000"
ROW = (
    "INSERT INTO inbox_parked (origin, event_id, epoch, sequence, type, key, payload, occurred_at, code, parked_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def plant(federation: Federation, event_id: str, type_name: str, payload: bytes) -> None:
    """An event set aside, put into the running node's own database."""
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ")
    path = federation.nodes[PROVINCE].folder / "node.db"
    with sqlite3.connect(path, timeout=10) as database:
        database.execute(ROW, ("360000", event_id, 1, 1, type_name, event_id, payload, now, "DELIVERY_TYPE_UNKNOWN", now))
    database.close()


async def test_parked_events_are_shown_retried_and_dropped_by_a_local_operator(federation: Federation) -> None:
    profile = federation.nodes[PROVINCE].profile
    plant(federation, "parked-good", "twelve333.api.registration.v1.DirectoryChanged", b"")
    plant(federation, "parked-bad", "twelve333.api.cases.v1.CaseStepTaken", SECRET.encode())
    shown = cli("node", "parked", "list", "--json", profile=profile)
    assert {event["event_id"] for event in json.loads(shown.out)} == {"parked-bad", "parked-good"}
    one = cli("node", "parked", "show", "360000", "parked-bad", "--json", profile=profile)
    assert json.loads(one.out)["code"] == "DELIVERY_TYPE_UNKNOWN"
    tried = cli("node", "parked", "retry", "--json", profile=profile)
    assert tried.code == 5
    outcome = {row["event_id"]: row["applied"] for row in json.loads(tried.out)}
    assert outcome == {"parked-good": True, "parked-bad": False}
    dropped = cli("node", "parked", "drop", "360000", "parked-bad", "--json", profile=profile)
    assert (dropped.code, json.loads(dropped.out)["retries"]) == (0, 1)
    assert json.loads(cli("node", "parked", "list", "--json", profile=profile).out) == []
    everything = "".join(answer.out + answer.err for answer in (shown, one, tried, dropped))
    assert SECRET not in everything and "1380" not in everything


async def test_a_parked_event_that_is_not_there_is_said_in_one_sentence(federation: Federation) -> None:
    told = cli("hub", "parked", "retry", "350000", "no-such", profile=federation.hub.profile)
    assert told.code == 1 and "DELIVERY_PARKED_NOT_FOUND" in told.err
