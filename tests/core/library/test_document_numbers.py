"""A document number is the same however it is written, and is seen in a question."""

from __future__ import annotations

import pytest

from twelve333.core.library.document_numbers import document_number, document_numbers


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("人社部发〔2014〕9号", "人社部发〔2014〕9号"),
        ("人社部发[2014] 09 号", "人社部发〔2014〕9号"),
        ("人社部发（2014）第9号", "人社部发〔2014〕9号"),
        ("国务院令第586号", "国务院令586号"),
        ("国务院令 586 号", "国务院令586号"),
        ("", ""),
        ("主席令", ""),
        ("第17条", ""),
    ],
)
def test_a_number_is_compared_in_one_way(written: str, plain: str) -> None:
    assert document_number(written) == plain


@pytest.mark.parametrize("asked", ["人社部发〔2014〕9号", "查一下人社部发(2014)9号里怎么说", "《办法》（人社部发〔2014〕9号）第三条"])
def test_a_question_may_name_a_number_among_other_words(asked: str) -> None:
    assert "人社部发〔2014〕9号" in document_numbers(asked)


@pytest.mark.parametrize("asked", ["工伤认定", "第17条", "2014年9月", "9号"])
def test_a_question_without_a_number_names_none(asked: str) -> None:
    assert document_numbers(asked) == ()
