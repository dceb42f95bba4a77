"""A library as large as a province's: 15,000 made-up entries, 33.6 million characters, from one seed.

The words are those of the project's sample, put into sentences, articles and chapters at random, so that any two characters of the trade
stand in thousands of entries: harder for an index and for a ranking than real texts are. Lengths are those measured of real entries
(median 1,552 characters, a few of them of more than 50,000).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from random import Random
from typing import Final

import rjieba

from twelve333.core.library.model import NATIONAL, Entry, EntryKind
from twelve333.data import provinces
from twelve333.data.resources import topic_codes

from .corpus import entries as sample
from .directories import SEED

ENTRIES: Final = 15_000
CHARS: Final = 33_600_000
CHARS_LEAST, CHARS_MOST = 120, 94_000
_MEDIAN_LOG, _SPREAD = 7.338, 0.85  # of the lognormal distribution of lengths
_SENTENCES: Final = 24_000
_DIGITS: Final = "零一二三四五六七八九"


def large(count: int = ENTRIES, seed: int = SEED) -> Iterator[Entry]:
    """`count` entries, one after the other: the first ones are the same whatever the count, and need not all be in memory.

    Args:
        count: how many; 15,000 have about 33.6 million characters.
        seed: chooses everything.
    """
    chance, topics, regions = Random(seed), sorted(topic_codes()), [NATIONAL, *provinces()]
    pool, kinds = _sentences(seed), (EntryKind.POLICY, EntryKind.GUIDE, EntryKind.QA)  # a case of random words may seem to name somebody
    shares = list(accumulate([len(regions) / 4, *[1] * (len(regions) - 1)]))
    for number in range(count):
        kind, region = chance.choice(kinds), chance.choices(regions, cum_weights=shares)[0]
        since = date(1994, 1, 1) + timedelta(days=chance.randrange(11_000))
        until = since + timedelta(days=chance.randrange(200, 6_000)) if chance.random() < 0.15 else None
        title = f"{chance.choice(pool)[: chance.randint(6, 18)]}({number})"
        body = _body(chance, pool, kind is EntryKind.POLICY)
        topic = chance.choice(topics)
        yield Entry(f"large-{number:05}", kind, title, body, (topic,), region, valid_from=since, valid_to=until)


def _body(chance: Random, pool: list[str], articles: bool) -> str:
    """A text of sentences, in numbered articles if it is a policy."""
    room = min(CHARS_MOST, max(CHARS_LEAST, round(chance.lognormvariate(_MEDIAN_LOG, _SPREAD))))
    lines, article = list[str](), 0
    while room > 0:
        paragraph = "".join(chance.choices(pool, k=chance.randint(1, 4)))[:room]
        article += 1
        lines.append(f"第{_numeral(article)}条 {paragraph}" if articles else paragraph)
        room -= len(lines[-1])
    return "\n".join(lines)


@cache
def _sentences(seed: int) -> list[str]:
    """Sentences of the sample's words; some words are frequent and most are rare, as in any language."""
    chance = Random(seed)
    text = "".join(f"{one.title}{one.body}" for one in sample(0))
    words = sorted(dict.fromkeys(word for word in rjieba.cut(text) if re.fullmatch(r"[一-鿿]{1,6}", word)))
    chance.shuffle(words)
    weights = list(accumulate(1 / (rank + 30) for rank in range(len(words))))
    return ["".join(chance.choices(words, cum_weights=weights, k=chance.randint(5, 22))) + "。" for _ in range(_SENTENCES)]


def _numeral(number: int) -> str:
    """1 to 9999 in Chinese, as articles are counted."""
    if number < 10:
        return _DIGITS[number]
    if number < 20:
        return "十" + (_DIGITS[number - 10] if number > 10 else "")
    for size, name in ((1000, "千"), (100, "百"), (10, "十")):
        if number >= size:
            rest = number % size
            gap = "零" if rest and rest < size // 10 else ""
            tail = (("一" if 10 <= rest < 20 else "") + _numeral(rest)) if rest else ""
            return _DIGITS[number // size] + name + gap + tail
    raise ValueError(number)
