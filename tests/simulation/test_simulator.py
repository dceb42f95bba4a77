"""The promises of delivery and of cases hold on every seed tried, and the checkers notice each of five well-known mistakes.

Which test proves what: `make sim` runs a thousand seeds; here a few, all that have found something, and every planted fault until caught.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys

import pytest

from twelve333.testing.simulation import simulate
from twelve333.testing.simulation.__main__ import main, run_seed
from twelve333.testing.simulation.loop import Stuck, run_virtually
from twelve333.testing.simulation.plants import PLANTS

CAUGHT_WITHIN = 40  # seeds
RARE = {"close on the broker's ack": 20, "accept a stale owner epoch": 12}  # what they need is not in the first seeds
REGRESSIONS = {  # seeds that have found something, and what
    0: "the sender span while a handover hung and its deadline had passed",
    4: "a late receipt that took back what a running round thought confirmed: nothing was ever sent again",
    100: "a restore under a clock that was set back: its epoch was below the forgotten one, and its news refused for ever",
}


@pytest.mark.parametrize("seed", sorted({*range(5), *REGRESSIONS}))
def test_every_promise_holds_on_this_seed(seed: int) -> None:
    outcome = simulate(seed)
    assert outcome.broken == ()
    assert outcome.counts["accepted"] > 0


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_a_planted_fault_is_caught_where_the_real_code_holds(name: str) -> None:
    first = RARE.get(name, 0)
    caught = next((seed for seed in range(first, first + CAUGHT_WITHIN) if simulate(seed, PLANTS[name]).broken), None)
    assert caught is not None, f"{name}: not noticed in {CAUGHT_WITHIN} seeds"
    assert simulate(caught).broken == ()


@pytest.mark.parametrize("plant", ["", "send before the state is written"])
def test_a_seed_replays_identically_in_another_process(plant: str) -> None:
    here = run_seed(4, plant)
    command = [sys.executable, "-m", "twelve333.testing.simulation", "--replay", "4", *(["--plant", plant] if plant else [])]
    there = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"PYTHONHASHSEED": "333"})
    lines = there.stdout.splitlines()
    assert lines[-1] == f"seed 4 trace {here.digest} broken {len(here.broken)}"
    assert there.returncode == bool(here.broken) == bool(plant)
    assert len(lines) > here.counts["stores"] > 0
    assert not any(re.search(r"0x[0-9a-f]{6}", line) for line in lines)  # an address in memory would differ next time


def test_a_world_that_spins_is_noticed() -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Stuck, match="spins"):
        run_virtually(spin)


def test_a_run_says_which_seed_failed_and_how_to_replay_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1", "--first", "1", "--processes", "1", "--plant", "send before the state is written"]) == 1
    said = capsys.readouterr().out
    assert "seed 1 trace " in said
    assert "replay with --replay 1" in said
    assert "sim: 1 seeds" in said
