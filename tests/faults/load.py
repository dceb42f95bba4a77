"""Steady work while things break: consultants who open, transfer, answer and close cases and hand calls on, an editor who publishes.

Each asks again with the same ids until there is an answer, as a business system should; only a yes is entered into the ledger.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from twelve333.cli.demo.stage import until
from twelve333.cli.library_files import sample_entries
from twelve333.client import Connection, Credentials, ServiceError
from twelve333.client.calls import RetryPolicy
from twelve333.client.cases import new_id
from twelve333.core.cases.model import Case, State
from twelve333.core.decision import Kind
from twelve333.core.routing.machine import HandoffState

from .ledger import Ledger
from .proxy import HOST
from .stage import HUB, Stage

UNITS: Final = {"320000": "320100", "310000": "310000", "350000": "350100", "360000": "360100", "230000": "230100"}
WAGES: Final = "0601"
FILES: Final = "09"
LATER: Final = frozenset({Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.EXHAUSTED})
CALL_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.2  # between two rounds of a desk, and before asking again
PUBLISH_SECONDS: Final = 2.0
ONCE: Final = RetryPolicy(attempts_max=1)
A = TypeVar("A")


class Load:
    """The people at work.

    Args:
        stage: where they work.
        over_proxies: whether desks reach their node through a proxy too, so that answers can be lost.
        twice: whether everything is asked a second time, with the same ids, after it was accepted.
    """

    def __init__(self, stage: Stage, *, over_proxies: bool = False, twice: bool = False) -> None:
        self.ledger = Ledger()
        self._stage, self._over_proxies, self._twice = stage, over_proxies, twice
        self._resting, self._idle = set[str](), set[str]()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Everybody begins."""
        provinces = self._stage.provinces
        for number, province in enumerate(provinces):
            self._tasks.append(asyncio.create_task(self._desk(province, provinces[(number + 1) % len(provinces)])))
        self._tasks.append(asyncio.create_task(self._editor()))

    async def accepts(self, more: int, *names: str, within_seconds: float = 60.0) -> None:
        """Wait until each of these members (all nodes if none is named) has accepted so many more operations."""
        before = self.ledger.by_member.copy()

        async def holds() -> bool:
            self._raise()
            return all(self.ledger.by_member[name] >= before[name] + more for name in names or self._stage.provinces)

        await until(f"{more} more operations at {' '.join(names) or 'every node'}", holds, within_seconds)

    async def hands_over(self, calls: int, within_seconds: float = 60.0) -> None:
        """Wait until the other province has accepted so many more calls of each node's."""
        before = self.ledger.accepted_calls.copy()

        async def holds() -> bool:
            self._raise()
            return all(self.ledger.accepted_calls[name] >= before[name] + calls for name in self._stage.provinces)

        await until(f"{calls} more calls handed over from every node", holds, within_seconds)

    async def rest(self, member: str) -> None:
        """Wait until nobody at this member has anything in hand; they begin nothing until `resume`."""
        self._resting.add(member)

        async def idle() -> bool:
            self._raise()
            return member in self._idle

        await until(f"rest at {member}", idle, 60.0)

    def resume(self, member: str) -> None:
        """They go on."""
        self._resting.discard(member)
        self._idle.discard(member)

    async def stop(self, within_seconds: float = 60.0) -> None:
        """Everybody finishes what is in hand and goes home; who cannot is an error."""
        self._stopping.set()
        _, stuck = await asyncio.wait(self._tasks, timeout=within_seconds)
        await self.abandon()
        assert not stuck, "an operation got no answer after healing"
        self._raise()

    async def abandon(self) -> None:
        """Everybody drops everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _raise(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def _desk(self, province: str, peer: str) -> None:
        async with self._connect(province) as node:
            rounds = 0
            while await self._awake(province):
                await self._begin(node, province, peer)
                await self._serve(node, province)
                if rounds % 4 == 0:
                    await self._hand_on(node, province, peer)
                rounds += 1
                await self._pause(PAUSE_SECONDS)

    def _connect(self, province: str) -> Connection:
        member = self._stage.member(province)
        profile = member.profile
        if not self._over_proxies:
            return Connection.open_profile(profile, timeout=CALL_SECONDS, retry=ONCE)
        address = f"{HOST}:{self._stage.to_desk[province].port}"
        return Connection.open(address, province, Credentials.from_directory(profile), timeout=CALL_SECONDS, retry=ONCE)

    async def _begin(self, node: Connection, province: str, peer: str) -> None:
        """Open a case for a caller, and offer it to the other province."""
        case_id = new_id()
        opened = await self._accepted(
            province, lambda: node.cases.open(UNITS[province], topic=WAGES, region=UNITS[peer], summary="工资拖欠三个月", case_id=case_id)
        )
        if opened is None:
            return
        self.ledger.steps.append((case_id, case_id))
        self.ledger.cases[case_id] = {province}
        if await self._step(province, opened, lambda step: node.cases.transfer(opened, UNITS[peer], step_id=step)):
            self.ledger.cases[case_id].add(peer)

    async def _serve(self, node: Connection, province: str) -> None:
        """Take what is offered and answer it; tell callers what was answered, and close."""
        unit = UNITS[province]
        offered = await self._read(lambda: node.cases.list(offered_to_unit=unit, size=5))
        for case in offered.cases if offered else ():
            taken = await self._step(province, case, lambda step, case=case: node.cases.accept(case, step_id=step))  # type: ignore[misc]
            if taken:
                await self._step(province, taken, lambda step, taken=taken: node.cases.answer(taken, "已责令限期支付", step_id=step))  # type: ignore[misc]
        answered = await self._read(lambda: node.cases.list(state=State.ANSWERED, first_asked_unit=unit, size=5))
        for case in answered.cases if answered else ():
            told = await self._step(province, case, lambda step, case=case: node.cases.tell_caller(case, step_id=step))  # type: ignore[misc]
            if told:
                await self._step(province, told, lambda step, told=told: node.cases.close(told, step_id=step))  # type: ignore[misc]

    async def _step(self, province: str, case: Case, take: Callable[[str], Awaitable[Case]]) -> Case | None:
        step_id = new_id()
        taken = await self._accepted(province, lambda: take(step_id))
        if taken is not None:
            self.ledger.steps.append((case.case_id, step_id))
        return taken

    async def _hand_on(self, node: Connection, province: str, peer: str) -> None:
        """Hand a call to the other province, from ringing to hanging up."""
        handoff_id = new_id()
        placed = await self._accepted(
            province, lambda: node.handoffs.place(UNITS[province], UNITS[peer], topic=FILES, handoff_id=handoff_id)
        )
        if placed is None:
            return
        self.ledger.handoffs[handoff_id] = province
        if placed.handoff.state is not HandoffState.ACCEPTED:
            return
        self.ledger.accepted_calls[province] += placed.handoff.unit == UNITS[peer]
        if await self._accepted(province, lambda: node.handoffs.connected(handoff_id)) is not None:
            await self._accepted(province, lambda: node.handoffs.completed(handoff_id))

    async def _editor(self) -> None:
        """Change one text every now and then."""
        entry = sample_entries()[0]
        async with Connection.open_profile(self._stage.federation.hub.profile, timeout=CALL_SECONDS, retry=ONCE) as hub:
            while await self._awake(HUB):
                changed = replace(entry, body=f"{entry.body}\n\n{time.time_ns()}")
                if await self._accepted(HUB, lambda: hub.library.publish([changed], strict=True)):  # noqa: B023 - awaited before the next
                    self.ledger.releases += 1
                await self._pause(PUBLISH_SECONDS)

    async def _awake(self, member: str) -> bool:
        """True to go on, False to go home; rests in between if told to."""
        while member in self._resting and not self._stopping.is_set():
            self._idle.add(member)
            await self._pause(PAUSE_SECONDS)
        return not self._stopping.is_set()

    async def _accepted(self, member: str, ask: Callable[[], Awaitable[A]]) -> A | None:
        """The answer, asked for until there is one; None when it is no."""
        while True:
            try:
                answer = await ask()
            except ServiceError as error:
                if error.kind not in LATER:
                    self.ledger.refused[error.code] += 1
                    return None
                self.ledger.asked_again[error.code] += 1
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self.ledger.by_member[member] += 1
                if self._twice:
                    await self._again(ask)
                return answer

    @staticmethod
    async def _again(ask: Callable[[], Awaitable[object]]) -> None:
        """The same request once more: it must not be refused."""
        try:
            await ask()
        except ServiceError as error:
            if error.kind not in LATER:  # a repeat that is refused breaks a promise
                raise

    @staticmethod
    async def _read(ask: Callable[[], Awaitable[A]]) -> A | None:
        try:
            return await ask()
        except ServiceError:
            return None

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
