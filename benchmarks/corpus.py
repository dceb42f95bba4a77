"""A library to search and to copy: the sample entries of the project, and many more made of their sentences by a seeded shuffle."""

from __future__ import annotations

import re
from random import Random

from twelve333.core.library.markdown import Guide, parse_file
from twelve333.core.library.model import Entry, EntryKind
from twelve333.data.resources import sample_files, topics

from .directories import SEED

SENTENCES = (8, 24)  # of a made-up entry, at least and at most


def entries(count: int, seed: int = SEED) -> list[Entry]:
    """The sample, and made-up entries until there are `count`.

    Args:
        count: how many in all; never fewer than the sample has.
        seed: chooses the sentences.
    """
    sample = [one for path, text in sample_files() if isinstance(one := parse_file(path, text, Guide(topics())), Entry)]
    sentences = sorted({part for one in sample for part in re.findall(r"[^。\n]{8,}。", one.body)})
    chance, made = Random(seed), list[Entry]()
    for number in range(count - len(sample)):
        model = chance.choice(sample)
        body = "".join(chance.choices(sentences, k=chance.randint(*SENTENCES)))
        made.append(Entry(f"bench-{number:05}", EntryKind.QA, f"{model.title}({number})", body, model.topics, model.region))
    return [*sample, *made]
