"""What is asked for at the same time is done together, and what goes wrong with one is nothing to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from twelve333.adapters.together import Together
from twelve333.core.decision import Code, Kind, Refusal, Refused, refuse

NO = Code("TEST_NO", Kind.CONFLICT)


class Doubling:
    """Doubles numbers, refuses 13, and trips over 0; it goes on when it is let."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go_on = asyncio.Event()

    async def act(self, numbers: Sequence[int]) -> Sequence[int | Refusal]:
        self.groups.append(list(numbers))
        await self.go_on.wait()
        return [refuse(NO) if number == 13 else _doubled(number) for number in numbers]


def _doubled(number: int) -> int:
    return 2 * number * number // number


async def test_who_comes_while_something_is_done_is_done_together_afterwards() -> None:
    doubling = Doubling()
    together = Together(doubling.act, most=3)
    first = asyncio.create_task(together.one(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(together.one(number)) for number in range(2, 7)]
    await asyncio.sleep(0)
    doubling.go_on.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10, 12]
    assert doubling.groups == [[1], [2, 3, 4], [5, 6]]


async def test_a_refusal_is_told_to_the_one_it_is_for() -> None:
    doubling = Doubling()
    doubling.go_on.set()
    together = Together(doubling.act)
    answers = await asyncio.gather(together.one(1), together.one(13), together.one(3), return_exceptions=True)
    assert (answers[0], answers[2]) == (2, 6)
    assert isinstance(answers[1], Refused)
    assert answers[1].refusal.code is NO


async def test_a_bug_with_one_is_found_by_trying_each_alone() -> None:
    doubling = Doubling()
    doubling.go_on.set()
    together = Together(doubling.act)
    answers = await asyncio.gather(together.one(1), together.one(0), together.one(3), return_exceptions=True)
    assert (answers[0], answers[2]) == (2, 6)
    assert isinstance(answers[1], ZeroDivisionError)
    assert doubling.groups == [[1, 0, 3], [1], [0], [3]]


async def test_what_is_refused_to_all_is_told_to_all_at_once() -> None:
    async def away(numbers: Sequence[int]) -> Sequence[int]:
        raise Refused(refuse(NO))

    together = Together(away)
    answers = await asyncio.gather(together.one(1), together.one(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Refused, Refused]


async def test_who_gave_up_keeps_nobody_waiting() -> None:
    doubling = Doubling()
    together = Together(doubling.act)
    first, second = asyncio.create_task(together.one(1)), asyncio.create_task(together.one(2))
    await asyncio.sleep(0)
    first.cancel()
    doubling.go_on.set()
    assert await second == 4
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_what_can_wait_is_begun_so_far_apart_unless_it_comes_after_a_quiet_time_or_is_much() -> None:
    doubling, began = Doubling(), asyncio.get_running_loop().time()
    doubling.go_on.set()
    together = Together(doubling.act, most=3, apart=0.05)
    assert await together.one(1) == 2
    assert asyncio.get_running_loop().time() < began + 0.05
    await asyncio.gather(together.one(2), together.one(3))
    assert asyncio.get_running_loop().time() >= began + 0.05
    await asyncio.gather(*(together.one(number) for number in (4, 5, 6)))
    assert doubling.groups == [[1], [2, 3], [4, 5, 6]]
