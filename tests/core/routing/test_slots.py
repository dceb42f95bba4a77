"""Slots: the sum promised never exceeds what there is, whatever is lost, late, doubled, crashed or cut off; and all of it heals by time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.routing.slot_world import HOLDERS, World, renewals

from twelve333.core.coverage.model import Grant
from twelve333.core.coverage.seats import ALL_SEATS, Part, parts_of
from twelve333.core.routing.ledger import Promise, Taken
from twelve333.core.routing.model import Call, PartSlots, Slots
from twelve333.core.routing.shares import even_rates, even_shares
from twelve333.core.routing.slots import DRIFT, TERM, Account, Answer, Line, Seats, grant, held, spent
from twelve333.testing.directory import a_declaration

NOW = datetime(2014, 1, 24, 2, 0, tzinfo=UTC)
PLAIN = parts_of(a_declaration("350100", seats=10))
WANTS = {ALL_SEATS: 4}
RARE = ("lost end", "crash", "loss", "cut", "heal", "back")


def fit(sums: dict[str, tuple[int, int]]) -> bool:
    return all(total <= seats for total, seats in sums.values())


OFTEN = ("renew",) * 8 + ("call",) * 8 + ("end",) * 3 + ("burst", "burst", "all end", "all end")


def live(world: World, chance: Random) -> None:
    """One thing that happens."""
    member = chance.choice(list(HOLDERS))
    happen: dict[str, Callable[[], object]] = {
        "renew": lambda: world.renew(member, chance.choice((1, 1, 3, 30))),
        "back": lambda: world.renew(member, 0),
        "call": lambda: world.call(member, chance.choice(("", "01", "03")), chance.choice(("zh", "zh", "ug"))),
        "burst": lambda: world.burst(member),
        "end": lambda: world.hang_up(lost=False),
        "all end": world.all_hang_up,
        "lost end": lambda: world.hang_up(lost=True),
        "crash": lambda: setattr(world.holders[member], "holding", None),
        "loss": lambda: setattr(world, "loss", chance.choice((0.3, 0.7))),
        "cut": lambda: world.cut.add(member),
        "heal": world.heal,
    }
    happen[chance.choice((*OFTEN, *RARE))]()


@pytest.mark.parametrize("seed", [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 200))])
def test_the_sum_promised_and_taken_never_exceeds_the_seats_under_any_faults(seed: int) -> None:
    chance = Random(seed)
    world = World(chance, chance.choice((0, 1, 2, 6, 9)))
    for _ in range(300):
        live(world, chance)
        world.pass_time(chance.choice((0, 0, 0.2, 1, 4)))
        assert fit(world.committed()), world.committed()
        assert fit(world.believed()), world.believed()
    assert world.owed == [], "who had a slot in hand was turned away"


@pytest.mark.parametrize("seed", range(5))
def test_a_granter_put_back_to_a_backup_never_promises_twice_what_is_out(seed: int) -> None:
    chance = Random(seed)
    world = World(chance, chance.choice((2, 6, 9)))
    for _ in range(200):
        if chance.random() < 0.05:
            world.restore()
        elif (event := chance.choice(("renew", "renew", "end"))) == "renew":
            world.renew(chance.choice(list(HOLDERS)), chance.choice((1, 5, 30)))
        else:
            assert event == "end"
        world.pass_time(chance.choice((0.2, 1, 4)))
        assert fit(world.believed()), world.believed()


@pytest.mark.parametrize("seed", range(5))
def test_after_any_fault_and_one_lease_time_used_equals_real(seed: int) -> None:
    chance = Random(seed)
    world = World(chance, chance.choice((2, 6, 9)))
    for _ in range(150):
        live(world, chance)
        world.pass_time(chance.choice((0, 1, 4)))
    # Faults end; what was lost is forgotten by time alone, once those that still speak have renewed and hung up.
    lasting = max((lease.held_until for lease in world.leases.values()), default=world.now) - world.now
    world.pass_time(max(0.0, lasting.total_seconds()) + 5)
    world.real.clear()
    renewals(world, 8)
    ledger = world.book().ledger(world.now)
    assert all(ledger.uses(member, part) == 0 for member in HOLDERS for part in world.parts)
    world.pass_time(TERM.total_seconds() * 1.02 + 5)
    assert {total for total, _ in world.committed().values()} == {0}
    renewals(world, 6)
    told = {member: holder.holding for member, holder in world.holders.items()}
    assert all(holding is not None and holding.slots.free > 0 for holding in told.values())


def test_of_seats_for_everybody_half_of_the_free_ones_stay_open_to_who_never_asked() -> None:
    seats = Seats(PLAIN, [], {})
    promised = grant(seats, "360000", ["360400"], {ALL_SEATS: 100}, None, NOW)
    assert promised.lines == (Line(ALL_SEATS, 5, 0, 5),)


def test_seats_kept_for_one_member_are_promised_to_it_whole_and_to_nobody_else() -> None:
    parts = parts_of(a_declaration("350100", seats=10, grants=(Grant("360000", 4),)))
    ours = grant(Seats(parts, [], {}), "360000", ["360400"], {part.name: 100 for part in parts}, None, NOW)
    assert {line.part: line.slots for line in ours.lines} == {"all": 7, "for 360000": 4, "for *": 3}
    theirs = grant(Seats(parts, [], {"360000": ours.account}), "440000", ["440300"], {part.name: 100 for part in parts}, None, NOW)
    assert {line.part: line.slots for line in theirs.lines} == {"all": 1, "for *": 1}


def test_who_wants_slots_shares_them_evenly_within_two_renewals() -> None:
    accounts: dict[str, Account] = {}
    for turn in range(3):
        for member in ("360000", "440000", "650000"):
            now = NOW + timedelta(seconds=turn * 3)
            seen = accounts[member].promises[-1].at if member in accounts else None
            accounts[member] = grant(Seats(PLAIN, [], accounts), member, [], {ALL_SEATS: 9}, seen, now + timedelta(seconds=1)).account
    slots = {member: account.promises[-1].slots[ALL_SEATS] for member, account in accounts.items()}
    assert sorted(slots.values()) == [1, 2, 2]


def test_a_smaller_promise_counts_only_once_the_larger_one_has_ended_or_is_forgotten() -> None:
    large = Promise(NOW, NOW + TERM, {ALL_SEATS: 5})
    seats = Seats(PLAIN, [], {"360000": Account((large,), {ALL_SEATS: 5})})
    later = NOW + timedelta(seconds=3)
    unseen = grant(seats, "360000", [], {ALL_SEATS: 1}, NOW, later)  # its answer may be lost
    assert [one.slots[ALL_SEATS] for one in unseen.account.promises] == [5, 1]
    seen = grant(Seats(PLAIN, [], {"360000": unseen.account}), "360000", [], {ALL_SEATS: 1}, later, later + timedelta(seconds=3))
    assert [one.slots[ALL_SEATS] for one in seen.account.promises] == [1]


def test_what_is_given_back_is_free_at_once_and_a_late_return_takes_nothing_newer() -> None:
    promised = grant(Seats(PLAIN, [], {}), "360000", [], WANTS, None, NOW).account
    back = Seats(PLAIN, [], {"360000": promised})
    assert grant(back, "360000", [], {}, NOW, NOW + timedelta(seconds=1)).account.promises == ()
    assert grant(back, "360000", [], {}, NOW - timedelta(seconds=9), NOW + timedelta(seconds=1)).account.promises == promised.promises


def test_calls_that_run_keep_their_seats_whatever_the_share() -> None:
    taken = [Taken(NOW + TERM, "360000", "360400", "", "zh")] * 9
    promised = grant(Seats(PLAIN, taken, {}), "440000", [], {ALL_SEATS: 5}, None, NOW)
    assert promised.lines == (Line(ALL_SEATS, 0, 0, 1),)


def answer(free: int, epoch: int = 1, at: datetime = NOW) -> Answer:
    return Answer(epoch, at, TERM, (Line(ALL_SEATS, free, 0, 0),))


def test_a_holder_counts_the_term_from_when_it_asked() -> None:
    holding = held(None, answer(3), PLAIN, NOW)
    assert holding is not None
    assert (holding.slots.free, holding.until) == (3, NOW + TERM * (1 - DRIFT))


def test_what_is_older_or_of_an_earlier_epoch_is_not_gone_by() -> None:
    holding = held(None, answer(3, epoch=2), PLAIN, NOW)
    assert held(holding, answer(5, epoch=1, at=NOW + TERM), PLAIN, NOW) == holding
    assert held(holding, answer(5, epoch=2, at=NOW - TERM), PLAIN, NOW) == holding
    assert held(holding, answer(5, epoch=1), PLAIN, NOW + TERM) != holding  # what has ended stands in nobody's way


def test_each_call_that_is_taken_leaves_one_less() -> None:
    holding = held(None, answer(1), PLAIN, NOW)
    assert holding is not None
    call = Call("h1", "350100")
    assert holding.slots.fits(call)
    assert not spent(holding, call).slots.fits(call)


def any_slots(chance: Random) -> Slots:
    parts = [
        Part(
            "part",
            2,
            chance.random() < 0.5,
            chance.choice(("*", "350000", "350100")),
            chance.choice(((), ("03",))),
            chance.choice(("", "ug")),
        )
        for _ in range(chance.randrange(4))
    ]
    return Slots(chance.choice((0, 1, 2)), NOW, tuple(PartSlots(part, chance.choice((0, 1))) for part in parts))


def test_a_call_fits_if_each_part_that_it_needs_has_room_and_one_that_is_kept_if_any_is() -> None:
    chance = Random(12333)
    for _ in range(3_000):
        slots, visited = any_slots(chance), chance.choice(((), ("350100",), ("360000",)))
        call = Call("h1", "350100", topic=chance.choice(("", "0301", "04")), language=chance.choice(("zh", "ug")), visited=visited)
        needed = all(each.free > 0 for each in slots.parts if not each.part.kept and each.takes(call))
        kept = [each.free > 0 and each.takes(call) for each in slots.parts if each.part.kept]
        assert slots.fits(call) == (slots.free > 0 and needed and (not kept or any(kept))), (slots, call)


def test_an_answer_that_says_nothing_is_nothing_to_go_by() -> None:
    assert held(None, Answer(1, NOW, TERM, ()), PLAIN, NOW) is None


takers = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), min_size=1)


@given(st.integers(0, 100), takers, takers)
def test_shares_are_as_even_as_what_each_wants_allows(total: int, extra: dict[str, int], floors: dict[str, int]) -> None:
    wanted = {name: want + floors.get(name, 0) for name, want in extra.items()}
    shares = even_shares(total, wanted, floors)
    given = sum(shares.values())
    assert given <= max(total, sum(floors.get(name, 0) for name in wanted))
    for name, share in shares.items():
        assert floors.get(name, 0) <= share <= wanted[name]
        hungry = share < wanted[name]
        assert not hungry or given >= total
        assert not hungry or all(other <= max(share + 1, floors.get(each, 0)) for each, other in shares.items())


@given(st.floats(0, 1e4), st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e4), min_size=1))
def test_rates_are_as_even_as_what_each_wants_allows_and_use_all_there_is(total: float, wanted: dict[str, float]) -> None:
    rates = even_rates(total, wanted)
    assert sum(rates.values()) == pytest.approx(total)
    least_hungry = min((rates[name] for name in wanted if rates[name] < wanted[name] - 1e-6), default=None)
    if least_hungry is not None:
        assert all(rate <= least_hungry + 1e-6 for rate in rates.values())
