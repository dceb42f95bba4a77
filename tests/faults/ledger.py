"""What was accepted, and whether it took effect once, everywhere, in order: the books and the oracle.

Nothing is taken on trust: histories are read at every member concerned, the hub's steps of handoffs from its database, and each
member's count of what it appended is held against its destination's count of what it applied. Every audit log is checked record by
record, and against the heads that others witnessed.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from twelve333.client import Connection, ServiceError
from twelve333.core.audit.verifying import Verifier
from twelve333.core.cases.model import Case
from twelve333.core.decision import Kind
from twelve333.core.delivery.status import DeliveryStatus

from .stage import HUB, Stage


@dataclass
class Ledger:
    """The operations that a service said yes to.

    Args:
        steps: of cases, as (case id, step id).
        cases: the members that must know each case.
        handoffs: the node that placed each.
        releases: how many publications the hub took.
        refused: how often the answer was no, by code; such an operation must have no effect and is not counted.
        accepted_calls: how many calls were accepted by the other province, by the node that placed them.
        asked_again: how often there was no answer, or one to come back later, by code.
        by_member: how many operations each member accepted.
    """

    steps: list[tuple[str, str]] = field(default_factory=list)
    cases: dict[str, set[str]] = field(default_factory=dict)
    handoffs: dict[str, str] = field(default_factory=dict)
    releases: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    accepted_calls: Counter[str] = field(default_factory=Counter)
    asked_again: Counter[str] = field(default_factory=Counter)
    by_member: Counter[str] = field(default_factory=Counter)

    @property
    def accepted(self) -> int:
        """All of them."""
        return self.by_member.total()


@dataclass(frozen=True)
class Verdict:
    """How many operations are where they belong, and what is wrong with the others."""

    delivered: int
    duplicated: int
    lost: int
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.duplicated or self.lost or self.notes)


@dataclass
class _Sum:
    lost: int = 0
    duplicated: int = 0
    notes: list[str] = field(default_factory=list)

    def verdict(self, accepted: int) -> Verdict:
        return Verdict(max(0, accepted - self.lost), self.duplicated, self.lost, tuple(self.notes))


async def judge(stage: Stage, ledger: Ledger, *, counting: bool = True) -> Verdict:
    """Look everywhere once.

    Args:
        stage: all members run.
        ledger: what was accepted.
        counting: hold the counts of outboxes and inboxes against each other; not after a restore, which sets an outbox back.

    Raises:
        ServiceError: a member did not answer; look again later.
    """
    found = _Sum()
    connections = {name: stage.member(name).connect() for name in (HUB, *stage.provinces)}
    for connection in connections.values():
        await connection.__aenter__()
    try:
        statuses = [await connection.delivery.status() for connection in connections.values()]
        _waiting(found, statuses, stage)
        if found.notes:  # not yet: histories would only show the same
            return found.verdict(ledger.accepted)
        if counting:
            _counts(found, statuses, stage)
        await _cases(found, ledger, connections)
        await _handoffs(found, ledger, connections, stage)
        await _library(found, connections)
        await _audits(found, connections)
    finally:
        for connection in connections.values():
            await connection.__aexit__(None, None, None)
    return found.verdict(ledger.accepted)


def _waiting(found: _Sum, statuses: Sequence[DeliveryStatus], stage: Stage) -> None:
    """Every queue between members that run is empty, and nothing was set aside."""
    running = {HUB, *stage.provinces}
    for status in statuses:
        waiting = {line.destination: line.queued for line in status.outbox if line.queued and line.destination in running}
        found.notes += [f"{status.member} still has {count} events for {name}" for name, count in waiting.items()]
        found.lost += sum(waiting.values())
        found.lost += (aside := sum(line.parked for line in status.inbox))
        found.notes += [f"{status.member} set {aside} events aside: {_why(stage, status.member)}"] if aside else []


def _why(stage: Stage, member: str) -> dict[str, int]:
    """Why events were set aside at a member: how often for each type and code."""
    folder = stage.member(member).folder
    [path] = folder.glob("hub.db" if member == HUB else "node.db")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT type, code FROM inbox_parked").fetchall()
    return dict(Counter(f"{type_name.rpartition('.')[2]} {code}" for type_name, code in rows))


def _counts(found: _Sum, statuses: Sequence[DeliveryStatus], stage: Stage) -> None:
    """What was appended for a destination took effect there as often."""
    running = {HUB, *stage.provinces}
    appended = Counter({(s.member, o.destination): o.queued + o.delivered for s in statuses for o in s.outbox if o.destination in running})
    effects = Counter(
        {(line.origin, status.member): line.applied for status in statuses for line in status.inbox if line.origin in running}
    )
    for name, less in (("lost", appended - effects), ("duplicated", effects - appended)):
        setattr(found, name, getattr(found, name) + less.total())
        found.notes += [f"{count} events {name} from {pair[0]} to {pair[1]}" for pair, count in less.items()]


async def _cases(found: _Sum, ledger: Ledger, connections: dict[str, Connection]) -> None:
    """Each accepted step once at each member concerned, and all histories the same, in order."""
    asked = {case_id: set(members) | {HUB} for case_id, members in ledger.cases.items()}
    for case_id, _ in ledger.steps:
        asked.setdefault(case_id, {HUB})
    steps: dict[str, list[str]] = {}
    for case_id, step_id in ledger.steps:
        steps.setdefault(case_id, []).append(step_id)
    for case_id, members in asked.items():
        known = await asyncio.gather(*(_case(connections[name], case_id) for name in sorted(members)))
        times = [Counter(_step_ids(case)) for case in known]
        for step_id in steps.get(case_id, ()):
            found.lost += any(seen[step_id] == 0 for seen in times)
            found.duplicated += any(seen[step_id] > 1 for seen in times)
        if any(case is None or case.history != known[0].history for case in known) or not _in_order(known[0]):  # type: ignore[union-attr]
            lengths = {name: len(case.history) if case else 0 for name, case in zip(sorted(members), known, strict=True)}
            found.notes.append(f"case {case_id[:8]} differs: {lengths}")


async def _case(connection: Connection, case_id: str) -> Case | None:
    try:
        return await connection.cases.get(case_id)
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            return None
        raise


def _step_ids(case: Case | None) -> Iterator[str]:
    return (event.stamp.step_id for event in case.history) if case else iter(())


def _in_order(case: Case | None) -> bool:
    return case is not None and [event.stamp.version for event in case.history] == list(range(1, len(case.history) + 1))


async def _handoffs(found: _Sum, ledger: Ledger, connections: dict[str, Connection], stage: Stage) -> None:
    """Each step of a handoff that its node knows is kept at the hub, under the same number."""
    path = stage.federation.folder / HUB / "hub.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for handoff_id, province in ledger.handoffs.items():
            rows = database.execute("SELECT number, state FROM handoff_steps WHERE origin = ? AND handoff_id = ?", (province, handoff_id))
            kept = Counter(rows.fetchall())
            told = Counter((step.number, step.state.value) for step in (await connections[province].handoffs.get(handoff_id)).handoff.steps)
            found.lost += (told - kept).total()
            found.duplicated += (kept - told).total()
            if kept != told:
                found.notes.append(f"handoff {handoff_id[:8]} differs: {len(told)} steps at the node, {len(kept)} at the hub")


async def _library(found: _Sum, connections: dict[str, Connection]) -> None:
    """Every node works from the release of the hub."""
    newest = (await connections[HUB].library.release()).release.number
    for name, connection in connections.items():
        if name != HUB and (held := (await connection.registration.node_status()).library_release) != newest:
            found.notes.append(f"{name} holds release {held} of {newest}")


async def _audits(found: _Sum, connections: dict[str, Connection]) -> None:
    """The log of every member is a whole chain, and still holds what others witnessed of it."""
    for name, connection in connections.items():
        witness = connections[next(other for other in connections if other != HUB)] if name == HUB else connection
        verifier = Verifier(await witness.audit.heads(name))
        wrong = None
        async for record in connection.audit.records():
            if wrong := verifier.take(record):
                break
        if wrong := wrong or verifier.end():
            found.notes.append(f"audit log of {name}: {wrong.code.name} {dict(wrong.params)}")
