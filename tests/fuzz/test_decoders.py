"""No decoder that faces a peer crashes, dawdles or swells, whatever it is fed; `make fuzz` tries a million inputs, here a few thousand."""

from __future__ import annotations

import pytest

from twelve333.core.decision import Refusal
from twelve333.core.library.checkpoint import RELEASE_TYPE, parse_release
from twelve333.testing.fuzz import TARGETS, fuzz
from twelve333.testing.fuzz.__main__ import main
from twelve333.testing.fuzz.targets import Target
from twelve333.wire.status import parse_details

INPUTS = 600


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_decoder_answers_or_refuses_whatever_it_is_fed(target: str) -> None:
    report = fuzz(target, INPUTS)
    assert report.faults == []
    assert report.inputs == INPUTS


def test_inputs_are_a_function_of_the_seed() -> None:
    assert fuzz("envelope", 200, 3).refused == fuzz("envelope", 200, 3).refused


def test_the_fuzzer_notices_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "subject", Target(lambda data: data[0], lambda chance: b""))
    assert any("IndexError" in fault for fault in fuzz("subject", 50).faults)


def test_a_run_counts_its_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--inputs", "400", "--processes", "1"]) == 0
    assert "0 faults" in capsys.readouterr().out


@pytest.mark.parametrize("number", ["Infinity", "1e999"])
def test_a_release_with_a_number_beyond_all_numbers_is_refused(number: str) -> None:
    assert isinstance(parse_release(f'{{"type":"{RELEASE_TYPE}","epoch":{number}}}'.encode()), Refusal)


def test_a_release_of_brackets_is_refused() -> None:
    assert isinstance(parse_release(b"[" * 2000), Refusal)


def test_details_that_cannot_be_read_are_none_of_ours() -> None:
    assert parse_details(b"\xff\xff\xff", "en") is None
