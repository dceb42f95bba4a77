"""What `make faults` says at its end follows from what it saw."""

from __future__ import annotations

from .__main__ import FAULTS, main, summary, table
from .ledger import Verdict
from .run import Result


def test_names_are_unique_and_the_last_line_counts() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    results = [Result("a", 3, Verdict(3, 0, 0)), Result("b", 3, Verdict(2, 1, 1, ("x",))), Result("c", skipped="why")]
    assert summary(results) == "faults: 2 run, 1 held, 1 lost, 1 duplicated"
    assert table(results).row_count == 3


def test_a_result_holds_only_when_everything_arrived_once_and_in_time() -> None:
    assert Result("a", 3, Verdict(3, 0, 0), 59.0).held
    assert not Result("a", 3, Verdict(3, 0, 0), 61.0).held
    assert not Result("a", 3, Verdict(3, 0, 0), error="stuck").held
    assert not Result("a", 3, Verdict(3, 0, 0, ("order",))).held


def test_a_prefix_that_names_no_fault_is_wrong_use() -> None:
    assert main(["nothing"]) == 2
