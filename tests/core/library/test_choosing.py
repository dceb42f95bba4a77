"""The most promising rows are those that a look at every single card would choose."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.library import bits
from twelve333.core.library.catalogue import Card, Catalogue
from twelve333.core.library.choosing import chosen, narrowed
from twelve333.core.library.model import Entry, EntryKind
from twelve333.core.library.ranking import NOT_IN_FORCE, region_weight
from twelve333.core.library.rules import in_force

DAY = date(2014, 3, 31)
DAYS = st.none() | st.integers(-3, 3).map(lambda days: DAY + timedelta(days=days))
CARDS = st.builds(
    Card,
    row=st.integers(1, 400),
    entry_id=st.text(alphabet="abc", min_size=1, max_size=3),
    kind=st.sampled_from(["qa", "policy"]),
    region=st.sampled_from(["000000", "350000", "350100", "350200", "440000"]),
    topics=st.lists(st.sampled_from(["01", "0101", "04"]), min_size=1, max_size=2, unique=True).map(tuple),
    valid_from=DAYS,
    valid_to=DAYS,
    title=st.text(alphabet="工伤认定", max_size=4),
    length=st.integers(1, 6),
)
LIBRARY = st.lists(CARDS, min_size=1, max_size=30, unique_by=(lambda card: card.row, lambda card: card.entry_id))


def stands(card: Card, day: date) -> bool:
    return in_force(Entry(card.entry_id, EntryKind.QA, "", "", (), valid_from=card.valid_from, valid_to=card.valid_to), day)


def filled(cards: list[Card]) -> Catalogue:
    catalogue = Catalogue()
    catalogue.add(cards[::2])
    catalogue.in_force(DAY)  # what was asked before more came must not be remembered
    catalogue.titled("工伤")
    catalogue.add(cards[1::2])
    return catalogue


@given(LIBRARY, st.integers(-4, 4), st.sampled_from(["", "qa"]), st.sampled_from(["", "01", "0101"]))
def test_a_search_is_narrowed_to_what_is_in_force_of_that_kind_under_that_topic(
    cards: list[Card], days: int, kind: str, topic: str
) -> None:
    day = DAY + timedelta(days=days)
    wanted = {
        card.row
        for card in cards
        if stands(card, day) and kind in ("", card.kind) and (not topic or any(code.startswith(topic) for code in card.topics))
    }
    assert set(bits.members(narrowed(filled(cards), day, kind, topic) or 0)) == wanted
    assert narrowed(filled(cards), None, "", "") is None


@given(LIBRARY)
def test_titles_are_found_by_any_part(cards: list[Card]) -> None:
    assert set(bits.members(filled(cards).titled("工伤"))) == {card.row for card in cards if "工伤" in card.title}


@given(LIBRARY, st.data(), st.sampled_from(["", "350100", "350000"]), st.integers(1, 8))
def test_the_choice_is_that_of_looking_at_every_card(cards: list[Card], data: st.DataObject, caller: str, size: int) -> None:
    worth = {card.row: data.draw(st.integers(0, 5)) for card in cards}

    def promise(card: Card) -> int:
        return (worth[card.row] + 8) * round(1000 * region_weight(card.region, caller) * (1 if stands(card, DAY) else NOT_IN_FORCE))

    by_hand = sorted(cards, key=lambda card: (-promise(card), card.length, card.entry_id))
    found = chosen(bits.of(worth), bits.planes_of(worth.items()), filled(cards), caller, DAY, size)
    assert found == [card.row for card in by_hand[:size]]
