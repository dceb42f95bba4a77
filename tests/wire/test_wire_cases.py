"""Cases on the wire: what goes out comes back equal, and what cannot be read is the peer's fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.cases.builders import closed, offered

from twelve333.api.cases.v1 import cases_pb2 as pb
from twelve333.api.cases.v1 import events_pb2
from twelve333.core.cases.messages import (
    CallerTold,
    CaseAnswered,
    CaseClosed,
    CaseOpened,
    DutyDeclined,
    DutyOffered,
    DutyTaken,
    Stamp,
    TransferAccepted,
    TransferOffered,
    TransferRefused,
)
from twelve333.core.cases.model import Party, State
from twelve333.core.decision import Refused
from twelve333.core.worktime.model import Due
from twelve333.wire.cases import (
    arrived_from_wire,
    arrived_to_wire,
    case_from_wire,
    case_to_wire,
    state_from_wire,
    state_to_wire,
    step_from_wire,
    step_to_wire,
)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
parties = st.builds(Party, texts, texts)
dues = st.builds(Due, times, st.booleans())
stamps = st.builds(Stamp, texts, texts, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), parties, texts, times)
events = st.one_of(
    st.builds(CaseOpened, stamps, texts, texts, texts, dues, dues),
    st.builds(TransferOffered, stamps, parties),
    st.builds(TransferAccepted, stamps, dues),
    st.builds(TransferRefused, stamps, texts),
    st.builds(CaseAnswered, stamps, texts),
    st.builds(CallerTold, stamps),
    st.builds(CaseClosed, stamps),
    st.builds(DutyOffered, stamps, parties, st.integers(0, 2**64 - 1)),
    st.builds(DutyTaken, stamps),
    st.builds(DutyDeclined, stamps),
)


@given(events)
def test_every_step_comes_back_equal(event: object) -> None:
    data = step_to_wire(event).SerializeToString()  # type: ignore[arg-type]
    assert step_from_wire(pb.CaseStep.FromString(data)) == event


@given(events, st.lists(events, max_size=4))
def test_a_step_and_its_history_come_back_equal(event: object, history: list[object]) -> None:
    data = arrived_to_wire(event, history).SerializeToString()  # type: ignore[arg-type]
    arrived = arrived_from_wire(events_pb2.CaseStepTaken.FromString(data), "320000")
    assert (arrived.event, arrived.history, arrived.origin) == (event, tuple(history), "320000")


def test_a_case_comes_back_equal_with_its_history() -> None:
    for case in (offered().case, closed().case):
        assert case
        sent = case_to_wire(case, case.opened_at)
        assert case_from_wire(pb.Case.FromString(sent.SerializeToString())) == case


def test_a_case_is_shown_overdue_once_its_deadline_has_passed() -> None:
    case = offered().case
    assert case
    soon, late = case_to_wire(case, case.opened_at), case_to_wire(case, case.caller_due.at + timedelta(seconds=1))
    assert (soon.caller_overdue, soon.owner_overdue) == (False, False)
    assert (late.caller_overdue, late.owner_overdue) == (True, True)


def test_every_state_has_a_wire_form() -> None:
    assert [state_from_wire(state_to_wire(state)) for state in State] == list(State)
    assert state_from_wire(pb.CASE_STATE_UNSPECIFIED) is None


def test_a_step_of_an_unknown_kind_is_malformed() -> None:
    with pytest.raises(Refused, match="CASES_STEP_MALFORMED"):
        step_from_wire(pb.CaseStep(case_id="c1"))
