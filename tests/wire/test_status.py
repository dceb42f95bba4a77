"""Refusals travel whole: code, parameters, fields, retry time, and a sentence in the caller's language."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.rpc import code_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Code, FieldViolation, Kind, Refusal, refuse
from twelve333.core.ids import UNIT_CODE_MALFORMED
from twelve333.wire import codes, status

NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(lambda name: name != "kind")
PARAMS = st.dictionaries(NAMES, st.text(max_size=20), max_size=3)
KINDS = st.sampled_from(Kind)
CODES = st.builds(Code, st.from_regex(r"[A-Z][A-Z_]{2,20}", fullmatch=True), KINDS)


@st.composite
def refusals(draw: st.DrawFn) -> Refusal:
    code = draw(CODES)
    violations = st.builds(FieldViolation, NAMES, st.builds(Code, st.just("COMMON_X"), st.just(code.kind)), PARAMS)
    delay = st.none() | st.timedeltas(timedelta(0), timedelta(hours=1))
    return Refusal(code, draw(PARAMS), tuple(draw(st.lists(violations, max_size=4))), draw(delay))


@given(refusals(), st.sampled_from(["en", "zh"]))
def test_a_refusal_survives_the_wire_whole(refusal: Refusal, locale: str) -> None:
    problem = status.parse_details(status.to_status(refusal, locale).SerializeToString(), locale)
    assert problem is not None
    assert problem.refusal == refusal


@pytest.mark.parametrize(("locale", "word"), [("en", "not a unit code"), ("zh-CN,zh;q=0.9", "不是单位代码")])
def test_the_sentence_is_in_the_callers_language(locale: str, word: str) -> None:
    problem = status.from_status(status.to_status(refuse(UNIT_CODE_MALFORMED, code="35"), locale), locale)
    assert problem is not None
    assert word in problem.sentence


def test_each_wrong_field_has_its_own_sentence() -> None:
    fault = FieldViolation("units[3].code", UNIT_CODE_MALFORMED, {"code": "x"})
    problem = status.from_status(status.to_status(Refusal(UNIT_CODE_MALFORMED, {"code": "x"}, (fault,)), "zh"), "zh")
    assert problem is not None
    assert problem.violations == (
        ("units[3].code", "“x”不是单位代码：请填写 GB/T 2260 六位数字，例如 350100；可用 `twelve333 unit list` 查看。"),
    )


def test_a_sentence_in_another_language_is_replaced_by_our_own() -> None:
    problem = status.from_status(status.to_status(refuse(UNIT_CODE_MALFORMED, code="35"), "en"), "zh")
    assert problem is not None
    assert "不是单位代码" in problem.sentence


def test_a_newer_peers_code_keeps_the_peers_sentence() -> None:
    sent = status.to_status(Refusal(Code("COMMON_FROM_THE_FUTURE", Kind.CONFLICT)), "en")
    problem = status.from_status(sent, "zh")
    assert problem is not None
    assert problem.sentence == "COMMON_FROM_THE_FUTURE"


def test_many_wrong_fields_never_outgrow_the_trailers() -> None:
    faults = tuple(FieldViolation(f"units[{i}].code", UNIT_CODE_MALFORMED, {"code": "错" * 10}) for i in range(366))
    sent = status.to_status(Refusal(UNIT_CODE_MALFORMED, {"code": "x"}, faults), "zh")
    assert sent.ByteSize() <= status.STATUS_BYTES_MAX
    problem = status.from_status(sent, "zh")
    assert problem is not None
    assert 5 <= len(problem.refusal.violations) < len(faults)


@given(KINDS)
def test_every_kind_has_a_grpc_status(kind: Kind) -> None:
    assert status.to_status(Refusal(Code("COMMON_X", kind)), "en").code not in (code_pb2.OK, code_pb2.UNKNOWN)


def test_a_bug_is_internal_and_a_missing_method_unimplemented() -> None:
    assert status.to_status(refuse(codes.INTERNAL, trace="0"), "en").code == code_pb2.INTERNAL
    assert status.to_status(refuse(codes.METHOD_UNKNOWN, method="/x/Y"), "en").code == code_pb2.UNIMPLEMENTED


def test_a_status_of_somebody_else_is_not_taken_for_ours() -> None:
    assert status.from_status(status_pb2.Status(code=code_pb2.UNAVAILABLE, message="x"), "en") is None
    assert status.parse_details(b"", "en") is None
