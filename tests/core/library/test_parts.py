"""Links, provenance and attachments of an entry are in order or refused; what others say about an entry is told with whether it shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.library.builders import TOPICS, entry

from twelve333.core.library import codes
from twelve333.core.library.model import PIECE_BYTES, Attachment, EntryKind, Link, LinkKind, Provenance, ProvenanceStep
from twelve333.core.library.parts import effective_since, is_applied
from twelve333.core.library.rules import applies, entry_violations, in_force

DAY = date(2011, 1, 1)
HASH = sha256(b"x").digest()
FILE = Attachment("申请表.docx", "application/msword", PIECE_BYTES + 1, HASH, (HASH, HASH))
days = st.none() | st.dates(date(1990, 1, 1), date(2030, 1, 1))


def test_an_entry_with_links_provenance_and_attachments_in_order_may_enter() -> None:
    steps = (Provenance(ProvenanceStep.IMPORTED, "350000", DAY, "350000/a.md", HASH), Provenance(ProvenanceStep.WRITTEN))
    whole = entry(links=(Link(LinkKind.AMENDS, "law", DAY), Link(LinkKind.INTERPRETS, "law")), provenance=steps, attachments=(FILE,))
    assert entry_violations(whole, TOPICS) == ()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"links": (Link(LinkKind.AMENDS, "两个 字"),)}, codes.LINK_MALFORMED),
        ({"links": (Link(LinkKind.AMENDS, "e1"),)}, codes.LINK_TO_ITSELF),
        ({"links": (Link(LinkKind.AMENDS, "law"), Link(LinkKind.AMENDS, "law", DAY))}, codes.LINK_TWICE),
        ({"links": tuple(Link(LinkKind.AMENDS, f"law-{n}") for n in range(201))}, codes.TOO_MANY_PARTS),
        ({"provenance": (Provenance(ProvenanceStep.WRITTEN, by="王五"),)}, codes.PROVENANCE_MALFORMED),
        ({"provenance": (Provenance(ProvenanceStep.WRITTEN, digest=b"short"),)}, codes.PROVENANCE_MALFORMED),
        ({"attachments": (replace(FILE, name="../etc/passwd"),)}, codes.ATTACHMENT_MALFORMED),
        ({"attachments": (replace(FILE, pieces=(HASH,)),)}, codes.ATTACHMENT_MALFORMED),
        ({"attachments": (replace(FILE, size=0, pieces=()),)}, codes.ATTACHMENT_MALFORMED),
        ({"applies_from": DAY, "applies_to": DAY - timedelta(days=1)}, codes.VALIDITY_REVERSED),
        ({"kind": EntryKind.OTHER}, codes.KIND_MISSING),
    ],
)
def test_what_is_not_in_order_is_refused_by_field(wrong: dict[str, object], code: object) -> None:
    assert [violation.code for violation in entry_violations(entry(**wrong), TOPICS)] == [code]


@given(days, days, st.dates(date(1990, 1, 1), date(2030, 1, 1)))
def test_a_rule_applies_to_matters_of_its_own_days_whatever_the_days_of_its_force(first: date | None, end: date | None, day: date) -> None:
    plain = entry(valid_from=first, valid_to=end)
    assert applies(plain, day) == in_force(plain, day)
    assert applies(replace(plain, applies_from=day, applies_to=day + timedelta(days=1)), day)
    assert not applies(replace(plain, applies_from=day + timedelta(days=1), applies_to=date(2040, 1, 1)), day)


def test_an_amendment_is_known_but_not_applied_until_the_text_has_ended_or_begins_with_it() -> None:
    law, change = entry(valid_from=date(2004, 1, 1)), entry("e2", valid_from=DAY)
    since = effective_since(Link(LinkKind.AMENDS, "e1"), change)
    assert since == DAY
    assert not is_applied(LinkKind.AMENDS, since, law)
    assert is_applied(LinkKind.AMENDS, since, replace(law, valid_to=DAY))
    assert is_applied(LinkKind.AMENDS, since, replace(law, valid_from=DAY))


def test_a_repeal_is_applied_only_when_the_text_has_ended_by_then() -> None:
    assert not is_applied(LinkKind.REPEALS, DAY, entry())
    assert not is_applied(LinkKind.REPEALS, DAY, entry(valid_from=DAY))
    assert not is_applied(LinkKind.REPEALS, DAY, entry(valid_to=DAY + timedelta(days=1)))
    assert is_applied(LinkKind.REPEALS, DAY, entry(valid_to=DAY))
