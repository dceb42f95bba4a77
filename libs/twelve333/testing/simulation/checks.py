"""The promises, checked on the disks once everything has healed and gone quiet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import select

from ...core.cases.codes import FORKED, OUT_OF_TURN
from ...core.cases.machine import ACTORS, first_asked, offered_to, owner
from ...core.cases.messages import CaseEvent, CaseOpened, TransferAccepted, TransferOffered, TransferRefused
from ...core.cases.model import Case, Party
from ...core.ids import HUB
from .ledger import Ledger
from .node import Node
from .store import cases, effects, tables
from .world import World

CONFLICTS = (FORKED.name, OUT_OF_TURN.name)
Replicas = Mapping[str, Mapping[str, Case]]  # by member, then case id


def quiet(nodes: Iterable[Node]) -> bool:
    """Whether every outbox is confirmed to its end."""
    return not any(node.disk.waits() for node in nodes)


def check(world: World, ledger: Ledger, nodes: Mapping[str, Node]) -> None:
    """Record every promise that does not hold."""
    _check_effects(world, ledger, nodes)
    _check_numbers(world, ledger, nodes)
    replicas = {member: _replica(node) for member, node in nodes.items()}
    for case_id in sorted({case_id for replica in replicas.values() for case_id in replica}):
        known = {member: replica[case_id] for member, replica in replicas.items() if case_id in replica}
        for case in known.values():
            _check_history(world, case)
            for step in case.history:
                ledger.saw(step)
        _check_convergence(world, case_id, known)
    _check_owners(world, ledger)
    _check_steps(world, ledger, replicas[HUB])


def _check_effects(world: World, ledger: Ledger, nodes: Mapping[str, Node]) -> None:
    seen = Counter[int]()
    for member, node in nodes.items():
        order = defaultdict[str, list[int]](list)
        with node.disk.connection.begin():
            rows = node.disk.connection.execute(select(effects.c.origin, effects.c.number).order_by(effects.c.place)).all()
        for origin, number in rows:
            order[origin].append(number)
            seen[number] += 1
            asked = ledger.operations[number]
            if (asked.origin, asked.destination) != (origin, member):
                world.breach("right destination", f"{number} of {asked.origin} for {asked.destination} came to {member} from {origin}")
        for origin, numbers in order.items():
            _check_order(world, f"{origin} -> {member}", numbers)
    for number, asked in ledger.operations.items():
        _check_count(world, ledger, number, asked.accepted, seen[number])


def _check_order(world: World, line: str, numbers: list[int]) -> None:
    if numbers != sorted(numbers):
        world.breach("order per origin", f"{line}: {numbers}")


def _check_count(world: World, ledger: Ledger, number: int, was_accepted: bool, count: int) -> None:
    asked = ledger.operations[number]
    if count > 1:
        world.breach("one effect", f"event {number} of {asked.origin} has {count} effects at {asked.destination}")
    if count == 0 and was_accepted and number not in ledger.taken_back:
        world.breach("one effect", f"event {number} of {asked.origin} was accepted and has no effect at {asked.destination}")


def _check_numbers(world: World, ledger: Ledger, nodes: Mapping[str, Node]) -> None:
    """Sender and receiver agree how far they are, and nothing was set aside but steps that lost a conflict after a restore.

    Such a step was taken on a branch that a restored member had forgotten; it is set aside to be seen, and all histories are the
    same without it, which `_check_convergence` proves.
    """
    for member, node in nodes.items():
        with node.disk.connection.begin():
            heads = node.disk.connection.execute(select(tables.outbox_heads)).all()
            parked = node.disk.connection.execute(select(tables.inbox_parked.c.key, tables.inbox_parked.c.code)).all()
        for head in heads:
            durable = nodes[head.destination].disk.watermarks.get((member, head.epoch), 0)
            if head.watermark > durable:
                world.breach("watermark <= durable", f"{member} believes {head.destination} has {head.watermark}; its disk has {durable}")
        lost = [row for row in parked if row.key in ledger.clouded and row.code in CONFLICTS]
        world.counts["shown"] += len(lost)
        world.counts["parked"] += len(parked) - len(lost)
        if len(parked) > len(lost):
            world.breach("no event set aside", f"{member}: {sorted({row.code for row in parked})}")


def _replica(node: Node) -> dict[str, Case]:
    connection = node.disk.connection
    with connection.begin():
        case_ids = connection.scalars(select(cases.cases.c.case_id)).all()
        return {case_id: case for case_id in case_ids if (case := cases.load(connection, case_id))}


def _check_history(world: World, case: Case) -> None:
    """Replay a history with rules of our own: each step by who may take it, under the epoch that was then."""
    epoch, holder, offered = 0, Party("", ""), Party("", "")
    for step in case.history:
        stamp = step.stamp
        expected = _expected(step, case.first_asked, holder, offered)
        if stamp.by != expected or stamp.owner_epoch != max(epoch, 1):
            world.breach("single owner", f"{case.case_id} v{stamp.version} by {stamp.by.unit} in epoch {stamp.owner_epoch}, was {epoch}")
        if isinstance(step, CaseOpened | TransferAccepted):
            epoch, holder = epoch + 1, stamp.by
        if isinstance(step, TransferOffered):
            offered = step.to


def _expected(step: CaseEvent, first: Party, holder: Party, offered: Party) -> Party:
    if isinstance(step, TransferAccepted | TransferRefused):
        return offered
    actor = ACTORS.get(type(step))
    return holder if actor is not None and actor[0] is owner else first


def _check_convergence(world: World, case_id: str, known: Mapping[str, Case]) -> None:
    """The hub knows all; a party knows as much; who was a party once knows a part of it, and nothing else."""
    truth = known.get(HUB)
    if truth is None:
        world.breach("replicas converge", f"{case_id} never reached the hub")
        return
    for member, case in known.items():
        if case.history != truth.history[: case.version]:
            world.breach("replicas converge", f"{case_id} at {member} is another history than at the hub")
    for party in filter(None, (first_asked(truth), owner(truth), offered_to(truth))):
        if party.member not in known or known[party.member].version != truth.version:
            behind = known[party.member].version if party.member in known else 0
            world.breach("replicas converge", f"{case_id} at {party.member} stands at {behind}, at the hub at {truth.version}")


def _check_owners(world: World, ledger: Ledger) -> None:
    for (case_id, epoch), owners in ledger.owners.items():
        if len(owners) > 1 and case_id not in ledger.clouded:
            world.breach("single owner", f"{case_id} epoch {epoch}: {sorted(owners)}")


def _check_steps(world: World, ledger: Ledger, hub: Mapping[str, Case]) -> None:
    kept = {step.stamp.step_id for case in hub.values() for step in case.history}
    for step_id, case_id in ledger.steps.items():
        if step_id in kept:
            continue
        if step_id in ledger.taken_back or case_id in ledger.clouded:
            world.counts["gave way"] += 1
        else:
            world.breach("one effect", f"step {step_id} of {case_id} was accepted and is not in the history at the hub")
