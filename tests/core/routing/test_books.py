"""The books of calls: in is what waits, what is spoken and what has ended, or an alarm is raised, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twelve333.core.routing.books import ALARM_AFTER, Books, Direction, Kept, Watch, incoming, look, outgoing
from twelve333.core.routing.machine import HandoffState

NOW = datetime(2014, 1, 24, 2, 0, tzinfo=UTC)
S = HandoffState
DAY = [
    Kept(S.ACCEPTED, held=True, before=False, calls=2),
    Kept(S.CONNECTED, held=True, before=True, calls=3),
    Kept(S.COMPLETED, held=False, before=True, calls=40),
    Kept(S.SETTLED, held=False, before=False, calls=1),
    Kept(S.RETURNED, held=False, before=False, calls=4),
]


def test_books_balance_when_every_call_is_somewhere() -> None:
    books = outgoing(DAY, recorded=7, placing=1, overdue=0, failed=2)
    assert (books.came, books.placing, books.waiting, books.talking, books.ended, books.failed) == (53, 1, 2, 3, 45, 2)
    assert books.missing == 0


def test_a_call_whose_record_is_gone_is_missing() -> None:
    assert outgoing(DAY, recorded=8, placing=0, overdue=0, failed=0).missing == 1


def test_a_conversation_that_nobody_ended_is_missing_once_its_time_is_over() -> None:
    forgotten = Kept(S.CONNECTED, held=False, before=True, calls=1)
    assert outgoing([*DAY, forgotten], recorded=7, placing=0, overdue=0, failed=0).missing == 1
    assert incoming([forgotten], accepted=0).missing == 1


def test_a_call_that_is_sought_a_unit_for_ever_is_missing() -> None:
    assert outgoing([], recorded=0, placing=3, overdue=1, failed=0).missing == 1


def test_a_seat_that_was_never_used_is_no_lost_call_of_the_unit_that_held_it() -> None:
    assert incoming([Kept(S.ACCEPTED, held=False, before=False, calls=1)], accepted=1).missing == 0


def test_the_alarm_is_raised_once_when_books_have_been_wrong_for_a_minute_and_again_only_after_they_were_right() -> None:
    wrong, right = Books(Direction.OUTGOING, 5, 0, 0, 0, 4, 0), Books(Direction.OUTGOING, 5, 0, 0, 0, 5, 0)
    watch, raised = Watch(), []
    story = [wrong] * 9 + [right] + [wrong] * 8
    for step, books in enumerate(story):
        watch, alarm = look(watch, books, NOW + step * timedelta(seconds=10))
        if alarm:
            raised.append(step)
    assert timedelta(seconds=60) == ALARM_AFTER
    assert raised == [6, 16]


def test_a_call_that_is_recorded_while_it_counts_as_being_placed_is_no_alarm() -> None:
    books = outgoing([Kept(S.ACCEPTED, held=True, before=False, calls=1)], recorded=0, placing=1, overdue=0, failed=0)
    assert books.missing == -1
    assert look(Watch(), books, NOW) == (Watch(), False)


def test_the_alarm_says_the_sum_in_numbers() -> None:
    assert Books(Direction.INCOMING, 9, 0, 1, 2, 3, 1).words() == (
        "incoming: 9 in, 0 placing, 1 waiting, 2 talking, 3 ended, 1 failed, 2 missing"
    )
