"""No decoder that faces a peer crashes, dawdles or swells, whatever it is fed; `make fuzz` tries a million inputs, here a few thousand."""

from __future__ import annotations

import resource
from random import Random

import pytest

from twelve333.adapters.signing.trust import from_der
from twelve333.cli.unit_file import parse_units
from twelve333.core.decision import Refusal, Refused
from twelve333.core.library.checkpoint import RELEASE_TYPE, parse_release
from twelve333.testing.fuzz import TARGETS, fuzz, strangers
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


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        pytest.param(b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x4a\xce\x3d\x02\x01", id="a kind of key that nobody knows"),
        pytest.param(b"\x02\x01\x00", b"\x02\x01\x08", id="a version that there is not"),
    ],
)
def test_a_signing_request_from_another_world_is_refused(known: bytes, unknown: bytes) -> None:
    request = strangers.signing_request_sample(Random(1))
    assert request.count(known) >= 1
    with pytest.raises(Refused) as refused:
        strangers.signing_request(request.replace(known, unknown, 1))
    assert refused.value.refusal.code.name == "SECURITY_REQUEST_MALFORMED"


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        pytest.param(b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x4a\xce\x3d\x02\x01", id="a kind of key that nobody knows"),
        pytest.param(b"\x02\x01\x02", b"\x02\x01\x07", id="a version that there is not"),
        pytest.param(b"\x0c\x0ffederation root", b"\x0c\x0f\xff\xffderation root", id="a name that is no text"),
    ],
)
def test_a_root_that_cannot_be_read_to_its_end_brings_nothing_in(known: bytes, unknown: bytes) -> None:
    root = next(sample for number in range(9) if known in (sample := strangers.roots_sample(Random(number))))
    assert from_der([root]) != ()
    assert from_der([root.replace(known, unknown)]) == ()


def test_a_signer_with_a_kind_of_key_that_nobody_knows_is_nobody() -> None:
    known, unknown = b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x4a\xce\x3d\x02\x01"
    leaf = strangers.certificate_sample(Random(1))
    assert strangers.signer(leaf) is not None
    assert strangers.signer(leaf.replace(known, unknown, 1)) is None


def test_a_units_file_that_is_no_csv_is_refused_by_line() -> None:
    with pytest.raises(Refused) as refused:
        parse_units("unit_code,unit_name,level\n350100," + "福" * 200_000 + ",prefecture\n", "units.csv")
    assert refused.value.refusal.code.name == "CLI_UNIT_ROW_WRONG"
    assert [mistake.params["line"] for mistake in refused.value.refusal.violations] == ["2"]


def test_a_units_file_with_the_line_ends_of_old_machines_is_read() -> None:
    assert [entry.unit.code for entry in parse_units("unit_code,unit_name,level\r350100,福州,prefecture\r", "units.csv")] == ["350100"]


def test_the_fuzzer_notices_an_input_that_swells(monkeypatch: pytest.MonkeyPatch) -> None:
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) + (64 << 20)
    monkeypatch.setitem(TARGETS, "subject", Target(lambda data: len(b"x" * more), lambda chance: b""))
    assert any("one input took" in fault for fault in fuzz("subject", 1).faults)


def test_details_that_cannot_be_read_are_none_of_ours() -> None:
    assert parse_details(b"\xff\xff\xff", "en") is None
