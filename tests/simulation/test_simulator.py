"""The promises of delivery and of cases hold on every seed tried, and the checkers notice each of five well-known mistakes.

Which test proves what: `make sim` runs a thousand seeds; here thirty, and every planted fault until it is caught.
"""

from __future__ import annotations

import pytest

from twelve333.testing.simulation import simulate
from twelve333.testing.simulation.__main__ import main, run_seed
from twelve333.testing.simulation.plants import PLANTS

SEEDS_A_TEST = 5
CAUGHT_WITHIN = 40  # seeds


@pytest.mark.parametrize("first", range(0, 30, SEEDS_A_TEST))
def test_every_promise_holds_on_these_seeds(first: int) -> None:
    outcomes = [simulate(seed) for seed in range(first, first + SEEDS_A_TEST)]
    assert {outcome.seed: outcome.broken for outcome in outcomes if outcome.broken} == {}
    assert all(outcome.counts["accepted"] > 0 for outcome in outcomes)


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_a_planted_fault_is_caught_where_the_real_code_holds(name: str) -> None:
    caught = next((seed for seed in range(CAUGHT_WITHIN) if simulate(seed, PLANTS[name]).broken), None)
    assert caught is not None, f"{name}: not noticed in {CAUGHT_WITHIN} seeds"
    assert simulate(caught).broken == ()


def test_a_seed_replays_identically_to_the_last_message() -> None:
    first, again, other = run_seed(7), simulate(7, keep=True), simulate(8)
    assert first.digest == again.digest != other.digest
    assert again.lines
    assert again.counts == first.counts


def test_a_failing_seed_replays_identically() -> None:
    plant = PLANTS["send before the state is written"]
    first, again = simulate(1, plant), simulate(1, plant)
    assert first.broken
    assert (first.digest, first.broken) == (again.digest, again.broken)


def test_a_run_says_which_seed_failed_and_how_to_replay_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1", "--first", "1", "--processes", "1", "--plant", "send before the state is written"]) == 1
    said = capsys.readouterr().out
    assert "seed 1 trace " in said
    assert "replay with --replay 1" in said
    assert "sim: 1 seeds" in said
