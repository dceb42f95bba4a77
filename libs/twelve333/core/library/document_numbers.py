"""Document numbers (人社部发〔2014〕9号, 国务院令第586号): one way to write each, and which a question may mean.

Whoever asks may write any brackets, and words right before the number (查一下人社部发〔2014〕9号), so every ending of what stands before
it may be the issuing body. Source: GB/T 9704-2012, 7.2.5: code of the body, year in 〔〕, number without leading zero, 号.
"""

from __future__ import annotations

import re
from typing import Final

BODY_CHARS_MAX: Final = 20
_NUMBER: Final = re.compile(
    rf"([\u4e00-\u9fff]{{1,{BODY_CHARS_MAX}}}?)\s*(?:[\[〔［(（【]\s*(\d{{4}})\s*[\]〕］)）】])?\s*第?\s*0*(\d{{1,5}})\s*号"
)


def document_number(written: str) -> str:
    """A document number as it is compared; empty if it is none."""
    found = _NUMBER.fullmatch(written.strip())
    return _plain(*found.groups()) if found else ""


def document_numbers(query: str) -> tuple[str, ...]:
    """The document numbers that a question may mean, as they are compared; none if it names none."""
    found = [(body[start:], year, number) for body, year, number in _NUMBER.findall(query) for start in range(len(body))]
    return tuple(dict.fromkeys(_plain(*one) for one in found))


def _plain(body: str, year: str | None, number: str) -> str:
    return f"{body}〔{year}〕{number}号" if year else f"{body}{number}号"
