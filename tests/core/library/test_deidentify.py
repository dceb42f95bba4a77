"""A typical case enters only if nothing in it says who somebody is; the refusal tells kind and place, never the words."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.library.builders import TOPICS, Shelf, entry, item

from twelve333.core.library import codes
from twelve333.core.library.deidentify import Finding, Personal, findings, is_bank_card, is_id_number
from twelve333.core.library.model import Attachment, EntryKind
from twelve333.core.library.rules import entry_violations
from twelve333.data.resources import sample_files

DIGITS = "0123456789"


def _identity(seed: int) -> str:
    """A made-up identity number with its check digit."""
    chance = random.Random(seed)
    front = f"{chance.choice(('110105', '350102', '659012'))}19{chance.randint(10, 99)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    front += f"{chance.randint(0, 999):03}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return front + "10X98765432"[sum(int(d) * w for d, w in zip(front, weights, strict=True)) % 11]


@given(st.integers(0, 10**6), st.integers(0, 16))
def test_an_identity_number_is_found_and_one_wrong_digit_is_none(seed: int, place: int) -> None:
    number = _identity(seed)
    assert findings(f"身份证号{number}。") == (Finding(Personal.ID_NUMBER, 1, 5),)
    wrong = number[:place] + DIGITS[(int(number[place]) + 1) % 10] + number[place + 1 :]
    assert not is_id_number(wrong)


@given(st.integers(10**14, 10**15 - 1))
def test_a_card_number_is_found_by_its_check_digit(body: int) -> None:
    front = f"6{body}"
    last = next(d for d in DIGITS if is_bank_card(front + d))
    assert [f.kind for f in findings(f"卡号 {front}{last}")] in ([Personal.BANK_CARD], [Personal.ID_NUMBER])
    assert sum(is_bank_card(front + d) for d in DIGITS) == 1


@pytest.mark.parametrize(
    ("text", "kind", "column"),
    [
        ("王小明先生来电", Personal.NAME, 1),
        ("来电人：张伟", Personal.NAME, 5),
        ("申请人李雷于2014年入职", Personal.NAME, 4),
        ("员工欧阳娜娜称", Personal.NAME, 3),
        ("包工头陈大勇，已失联", Personal.NAME, 4),
        ("手机 138 0013 8000", Personal.TELEPHONE, 4),
        ("手机１３８００１３８０００", Personal.TELEPHONE, 3),
        ("+86-13800138000", Personal.TELEPHONE, 1),
        ("座机(010)65123456", Personal.TELEPHONE, 3),
        ("卡号6222 0212 3456 7890 128", Personal.BANK_CARD, 3),
        ("住鼓楼区东街18号", Personal.ADDRESS, 1),
        ("家在3栋2单元501室", Personal.ADDRESS, 3),
        ("证号１１０１０５１９４９１２３１００２Ｘ", Personal.ID_NUMBER, 3),
    ],
)
def test_what_says_who_somebody_is_is_found_with_kind_and_place(text: str, kind: Personal, column: int) -> None:
    assert Finding(kind, 2, column) in findings(f"典型案例\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "王女士来电，张某在工地受伤，李某某作证",
        "请拨打12333或400-820-8820咨询",
        "职工安全培训由安装师傅、车间主任和项目经理负责",
        "《社会保险法》2010年第35号主席令，人社部发〔2014〕17号",
        "赔偿金额100000000000元，共20140330天",
        "申请人应当在60日内提出，当事人方可起诉",
    ],
)
def test_what_names_nobody_is_left_alone(text: str) -> None:
    assert findings(text) == ()


def test_our_own_sample_names_nobody() -> None:
    assert {name: found for name, text in sample_files() if (found := findings(text))} == {}


def test_a_case_with_a_name_is_refused_by_place_and_without_the_words() -> None:
    published = Shelf().publish(item(entry("case", body="经过\n当事人张大伟，受伤", kind=EntryKind.CASE)))
    (rejected,) = published.rejected
    assert rejected.violation.code is codes.CASE_PERSONAL[Personal.NAME]
    assert dict(rejected.violation.params) == {"line": "2", "column": "4"}


def test_other_kinds_may_name_the_office_and_its_telephone() -> None:
    assert entry_violations(entry(body="窗口电话010-65123456，东街18号"), TOPICS) == ()


def test_a_case_has_no_files_since_nobody_looks_into_them() -> None:
    file = Attachment("证据.pdf", "application/pdf", 1, bytes(32), (bytes(32),))
    wrong = entry_violations(entry(kind=EntryKind.CASE, attachments=(file,)), TOPICS)
    assert [one.code for one in wrong] == [codes.CASE_WITH_ATTACHMENT]
