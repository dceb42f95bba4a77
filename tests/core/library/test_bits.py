"""Sets of rows and sums over them say what looking at every row would say."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.library import bits

ROWS = st.sets(st.integers(0, 300))
SUMMED = st.lists(st.tuples(ROWS, st.integers(0, 200)), max_size=8)


@given(ROWS)
def test_a_set_gives_back_its_rows(rows: set[int]) -> None:
    assert bits.members(bits.of(rows)) == sorted(rows)


@given(SUMMED, ROWS)
def test_sums_are_those_of_single_rows(summed: list[tuple[set[int], int]], asked: set[int]) -> None:
    planes, counted = list[int](), Counter[int]()
    for rows, weight in summed:
        bits.add(planes, bits.of(rows), weight)
        counted.update(dict.fromkeys(rows, weight))
    assert bits.sums(planes, sorted(asked)) == [counted[row] for row in sorted(asked)]
    assert bits.sums(bits.planes_of(counted.items()), sorted(asked)) == [counted[row] for row in sorted(asked)]


@given(st.dictionaries(st.integers(0, 300), st.integers(0, 40)), st.integers(1, 40), st.booleans())
def test_the_best_rows_are_sure_and_what_ties_for_the_rest_is_told(values: dict[int, int], size: int, least: bool) -> None:
    planes = bits.planes_of(values.items())
    sure, tied = (bits.least if least else bits.greatest)(bits.of(values), planes, size)
    ranked = sorted(values, key=lambda row: values[row] if least else -values[row])
    edge = values[ranked[size - 1]] if len(ranked) >= size else None
    better = {row for row in values if edge is not None and (values[row] < edge if least else values[row] > edge)}
    equal = {row for row in values if values[row] == edge}
    if len(better) + len(equal) <= size:
        assert (set(bits.members(sure)), tied) == ((better | equal) or set(values), 0)
    else:
        assert (set(bits.members(sure)), set(bits.members(tied))) == (better, equal)
