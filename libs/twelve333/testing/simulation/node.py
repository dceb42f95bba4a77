"""A simulated process of the hub or a node: production relay, outbox, inbox and case store on one disk, killed and started at will."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from random import Random
from typing import Any

from sqlalchemy import Connection

from ...adapters.relay import Relay
from ...adapters.relay.intake import Intake
from ...adapters.sql.cases_inbound import ask_for_returns, case_appliers
from ...adapters.sql.delivery import Delivery
from ...adapters.sql.inbox import Arrival, Inbox
from ...core.decision import Refusal, Refused
from ...core.delivery.model import Receipt
from ...wire.envelope import decode_envelope, decode_receipt, encode_receipt
from .broker import Broker
from .direct import VirtualDirect
from .effects import PLAIN, plain_applier
from .ledger import Ledger
from .loop import LIFE
from .plants import Plant
from .store import Disk, VirtualDatabase, cases, effects, tables
from .workload import Desk, Workload
from .world import World

RESTART_S = 1.0  # after a start that did not succeed
ALL_TOLD = 0.2  # how often a restored member tells everybody; it costs as much as a whole quiet run


@dataclass(slots=True)
class ProcessLife:
    """One life of a process: everything it started."""

    tasks: list[asyncio.Task[Any]] = field(default_factory=list)


class Node:
    """One member.

    Args:
        world, broker, ledger: what it lives in.
        member: who it is.
        workload: what its people do.
        direct: its way around the broker, if the federation has one.
        plant: the planted fault, if any.
    """

    def __init__(
        self, world: World, broker: Broker, ledger: Ledger, member: str, workload: Workload, direct: VirtualDirect | None, plant: Plant
    ) -> None:
        self.world, self.broker, self.ledger, self.member = world, broker, ledger, member
        self.disk = Disk.new()
        self.database: VirtualDatabase | None = None
        self._workload, self._direct, self._plant = workload, direct, plant
        self._chance = world.chance(f"node {member}")
        self._life: ProcessLife | None = None
        self._context = copy_context()
        self._intake: Intake | None = None
        self._bus = plant.bus(broker, member, Random(0), self._watch)
        self.fails = self.skew_s = 0.0
        self._new_epoch, self._backed_up_at = False, self.clock()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._life is not None

    def start(self) -> None:
        """Start the process, unless it runs."""
        if self.alive:
            return
        life = self._life = ProcessLife()
        self._context = copy_context()
        self._context.run(LIFE.set, life)
        self.world.trace(self.member, "starts")
        asyncio.get_running_loop().create_task(self._live(life), context=self._context).add_done_callback(self._ended)

    def crash(self, how: str = "crashes") -> None:
        """Kill the process in the middle of whatever it does."""
        life, self._life = self._life, None
        if life is None:
            return
        self.world.trace(self.member, how)
        self._bus.kill()
        self._intake = None
        self.disk.lose_uncommitted()
        for task in life.tasks:
            task.cancel()

    def back_up(self) -> None:
        """Copy the committed database aside, as the online backup does; between two batches."""
        if self.disk.open is None:
            self.world.trace(self.member, "backup")
            self.disk.backups.append((self.world.now(), self.disk.image()))

    def restore(self, chance: Random) -> None:
        """After a crash: put an older backup in place. The next start begins a new epoch."""
        if self.disk.backups:
            at, image = chance.choice(self.disk.backups)
            self.world.trace(self.member, "restored", f"{at:.4f}")
            self.ledger.restored(self.disk, image, self.member)
            self._backed_up_at = self.world.wall(at - self.world.now() + self.skew_s)
            self._new_epoch = self._plant.epoch_on_restore

    def set_fails(self, share: float) -> None:
        """How often the disk refuses a commit from now on."""
        self.fails = share
        if self.database is not None:
            self.database.fails = share

    def called(self, caller: str, sent: Sequence[bytes]) -> asyncio.Task[Receipt] | None:
        """Take what another member hands over, as a task of this life; None while nobody listens."""
        if self._intake is None:
            return None
        arrivals = [_arrival(caller, data) for data in sent]
        taking = asyncio.get_running_loop().create_task(self._take(self._intake, arrivals), context=self._context)
        taking.add_done_callback(lambda task: task.cancelled() or task.exception())  # the caller may be gone
        return taking

    def set_clock(self, skew_s: float) -> None:
        """Somebody sets this machine's clock, wrong by so many seconds."""
        self.world.trace(self.member, "clock set", f"{skew_s - self.skew_s:+.1f}")
        self.skew_s = skew_s

    def clock(self) -> datetime:
        """What this machine's clock shows."""
        return self.world.wall(self.skew_s)

    async def _live(self, life: ProcessLife) -> None:
        database = self.database = VirtualDatabase(self.world, self.disk, life, self._chance, hasty=self._plant.hasty)
        database.fails = self.fails
        delivery = Delivery(tables, self.member)
        if self._plant.inbox is not Inbox:
            delivery.inbox = self._plant.inbox(tables, self.member)
        await self._begun(database, delivery)
        self._bus = self._plant.bus(self.broker, self.member, self._chance, self._watch)
        appliers = {PLAIN: plain_applier(effects), **case_appliers(cases, delivery)}
        greeted = self._workload.greeted_by(self.member)
        relay = Relay(database, delivery, self._bus, appliers, self.clock, self._chance.random, self._direct, greeted)
        await relay.start()
        self._intake = relay.intake
        desk = Desk(self.world, self.ledger, self.member, database, delivery.outbox, self.clock, self._workload)
        working = asyncio.create_task(desk.work())
        failed = asyncio.create_task(relay.wait_failed())
        await asyncio.gather(working, failed)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A process may be killed; it must never end by itself."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.world.breach("no crash", f"{self.member}: {type(error).__name__}: {error}")

    async def _begun(self, database: VirtualDatabase, delivery: Delivery) -> None:
        """Wait for a disk that takes the beginning of the service."""
        while True:
            with suppress(Refused):
                await database.write(partial(self._begin, delivery))
                self._new_epoch = False
                return
            await asyncio.sleep(RESTART_S)

    def _begin(self, delivery: Delivery, tx: Connection) -> None:
        if self._new_epoch:
            others = self._told_of_restore()
            delivery.restored(tx, others, self.clock())
            ask_for_returns(tx, delivery, others, self._backed_up_at, self.clock())
        elif not delivery.outbox.epoch(tx):
            delivery.outbox.begin_epoch(tx, self.clock())

    def _told_of_restore(self) -> list[str]:
        """All others, as in production; in most runs without those who never had to do with us, who have nothing to give back."""
        if self._chance.random() < ALL_TOLD:
            return [name for name in self._workload.members if name != self.member]
        return self.broker.network.met_by(self.member)

    async def _take(self, intake: Intake, arrivals: Sequence[Arrival]) -> Receipt:
        receipt = await intake.take(arrivals)
        self._watch(encode_receipt(receipt))
        return receipt

    def _watch(self, data: bytes) -> None:
        """Every receipt that leaves: its watermark must be on the disk already."""
        receipt = decode_receipt(data)
        if isinstance(receipt, Refusal):
            self.world.breach("no crash", f"{self.member} sent a receipt that nobody can read")
            return
        durable = self.disk.watermarks.get((receipt.origin, receipt.epoch), 0)
        self.world.trace(self.member, "receipt", receipt.origin, receipt.watermark, receipt.reason.value)
        if receipt.watermark > durable:
            self.world.breach("watermark <= durable", f"{self.member} told {receipt.origin} {receipt.watermark}, its disk has {durable}")


def _arrival(caller: str, data: bytes) -> Arrival:
    envelope = decode_envelope(data)
    return Arrival(caller, None, envelope) if isinstance(envelope, Refusal) else Arrival(caller, envelope)
