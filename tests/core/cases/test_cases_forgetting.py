"""Of a forgotten text nothing stays but its hash, and a history without texts is still the same history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.core.cases.builders import SHANGHAI, closed, offered, refusal_of

from twelve333.core.cases.forgetting import forget, forgotten, is_forgotten, same_step, without_text
from twelve333.core.cases.machine import apply
from twelve333.core.decision import Decision


@given(st.text(min_size=1, max_size=40))
def test_a_text_is_forgotten_once_and_never_twice(text: str) -> None:
    assert is_forgotten(forget(text))
    assert forget(forget(text)) == forget(text)
    assert text not in forget(text)[len("∅ sha256:") :] or set(text) <= set("0123456789abcdef")
    assert forget("") == ""


def test_a_history_without_texts_takes_the_same_steps() -> None:
    whole = closed().case
    assert whole
    case = None
    for event in forgotten(whole).history:
        outcome = apply(case, event)
        assert isinstance(outcome, Decision)
        case = outcome.state
    assert case == forgotten(whole)
    assert apply(case, whole.history[0]) == Decision(case)  # a late repeat, with its text


def test_another_text_is_another_step_also_when_one_of_them_is_forgotten() -> None:
    desk = offered()
    desk.done(refusal_of(SHANGHAI))
    assert desk.case
    refused = desk.case.history[-1]
    assert same_step(refused, without_text(refused))
    other = offered()
    other.done(refusal_of(SHANGHAI, reason="something else"))
    assert other.case
    assert not same_step(without_text(other.case.history[-1]), refused)
