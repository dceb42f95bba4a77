"""`make bench` measures, says what it could not measure, and writes figures of one agreed shape."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks import measure, rsync
from benchmarks.directories import calls, snapshot
from benchmarks.figure import SECONDS, Figure, PartlyAbsent, figure, middle, rate_and_times, with_peers
from benchmarks.large import _numeral, large
from benchmarks.measure import Round, interleave, percentile

from twelve333.core.library.rules import entry_violations
from twelve333.data.resources import topic_codes

ROOT = Path(__file__).resolve().parents[2]
FIELDS = {"name", "value", "unit", "peer", "peer_value", "ratio", "target", "met", "samples"}


def bench(only: str, out: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TWELVE333_BENCH_SCALE": "0.03", "TWELVE333_BENCH_OUT": str(out)}
    command = [sys.executable, "-m", "benchmarks", only]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=100)


def measured(only: str, out: Path) -> dict[str, dict[str, Any]]:
    done = bench(only, out)
    assert done.returncode == 0, done.stdout + done.stderr
    figures: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))
    assert all(one["name"] in done.stdout for one in figures)
    return {one["name"]: one for one in figures}


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ("cases.deadlines", {"cases.deadlines", "cases.deadlines_p50", "cases.deadlines_p99"}),
        ("routing.decide_3000", {"routing.decide_3000", "routing.decide_3000_p50", "routing.decide_3000_p99"}),
        ("cases.steps_sqlite", {"cases.steps_sqlite", "cases.steps_sqlite_p50", "cases.steps_sqlite_p99"}),
    ],
)
def test_a_part_is_measured_alone_and_every_figure_has_the_agreed_shape(only: str, names: set[str], tmp_path: Path) -> None:
    figures = measured(only, tmp_path / "bench.json")
    assert set(figures) == names
    for one in figures.values():
        assert set(one) == FIELDS
        assert one["unit"] in {"1/s", "µs"}
        assert min(one["value"], one["peer_value"], *one["samples"]) > 0
        assert one["ratio"] == pytest.approx(one["value"] / one["peer_value"], rel=1e-3)
        assert len(one["samples"]) == measure.ROUNDS
        assert (one["target"] is None) == (one["met"] is None)


def test_a_name_that_no_figure_begins_with_is_said_and_leaves_the_last_result_alone(tmp_path: Path) -> None:
    done = bench("nothing", tmp_path / "bench.json")
    assert done.returncode == 2
    assert "No figure begins with 'nothing'" in done.stderr
    assert not (tmp_path / "bench.json").exists()


async def test_sides_take_turns_and_the_first_round_of_each_is_thrown_away() -> None:
    order = list[str]()

    def side(name: str) -> measure.Side:
        async def run() -> Round:
            order.append(name)
            return Round(len(order), 1.0, [1.0])

        return run

    taken = await interleave({"a": side("a"), "b": side("b")}, 3)
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert {name: len(kept) for name, kept in taken.items()} == {"a": 3, "b": 3}


async def test_calls_at_a_pace_come_whether_or_not_those_before_were_answered() -> None:
    under_way = most = 0

    async def slow() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.1)
        under_way -= 1

    done = await measure.paced(slow, 100 / (measure.SIDE_SECONDS * measure.SCALE) * 0.2)()
    assert done.count == 20
    assert most > 1
    assert min(done.times) >= 0.1


def test_a_target_is_met_by_more_a_second() -> None:
    ours, theirs = [Round(10, 1.0, [0.1] * 10)], [Round(5, 1.0, [0.2] * 5)]

    def first(target: float | None) -> Figure:
        return rate_and_times("x.y", ours, "peer", theirs, target)[0]

    assert [first(target).met for target in (None, 10, 11)] == [None, True, False]
    assert (first(None).value, first(None).peer_value, first(None).ratio) == (10, 5, 2)
    assert middle([3, 1, 2]).value == 2


async def test_a_figure_whose_peer_is_not_installed_is_absent_with_a_sentence_and_the_others_are_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alone, other = (figure(name, SECONDS, middle([1.0]), "peer", middle([2.0])) for name in ("x.alone", "x.other"))

    async def beside_rsync() -> list[Figure]:
        rsync.need()
        return []

    async def beside_something_else() -> list[Figure]:
        return [other]

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PartlyAbsent) as told:
        await with_peers([alone], {("x.slow", "x.slow_bytes"): beside_rsync, ("x.other",): beside_something_else})
    assert told.value.figures == [alone, other]
    assert told.value.reasons == {"x.slow, x.slow_bytes": "rsync is not installed: apt-get install rsync"}


def test_percentiles_are_times_that_were_measured() -> None:
    times = [number / 100 for number in range(100, 0, -1)]
    assert (percentile(times, 0.5), percentile(times, 0.99), percentile([7.0], 0.99)) == (0.5, 0.99, 7.0)


def test_a_made_up_directory_is_the_real_one_with_counties_and_always_the_same() -> None:
    small, large = snapshot(366), snapshot(1_000)
    assert (len(small.units), len(large.units)) == (366, 1_000)
    assert all(large.units[code] == unit for code, unit in small.units.items())
    assert [entry.unit for entry in large.plan("350101")] == ["350101", "350100", "350000"]
    assert calls(large, 50) == calls(snapshot(1_000), 50)


def test_a_large_library_is_the_same_every_time_and_as_long_as_real_ones() -> None:
    made = list(large(300))
    assert made == list(large(300)) == [one for one, _ in zip(large(5_000), range(300), strict=False)]
    lengths = sorted(len(one.body) for one in made)
    assert 1_000 < lengths[150] < 2_200 and lengths[0] >= 120 and lengths[-1] <= 94_000
    assert all(not entry_violations(one, topic_codes()) for one in made)
    assert [_numeral(number) for number in (7, 10, 19, 20, 105, 110, 1004)] == [
        "七",
        "十",
        "十九",
        "二十",
        "一百零五",
        "一百一十",
        "一千零四",
    ]
