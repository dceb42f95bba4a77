"""From where somebody rings, by the first digits of the number: looked up where the number is known, so that it goes no further.

Of a mobile number it is where it was sold, which is where most of its callers are from; some ranges are sold nationwide and tell nothing.
Source: geocoding data of libphonenumber (Apache 2.0), boiled down to unit codes by tools/number_regions.py.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from sys import intern
from typing import Final

_SEPARATORS: Final = re.compile(r"[\s\-()./]")
_CHINESE: Final = re.compile(r"(?:\+86|0086)0?([1-9]\d{8,10})|0([1-9]\d{8,10})|(1[3-9]\d{9})", re.ASCII)


def region_of_number(number: str) -> str:
    """The unit code of the place that a number is from; empty if the number does not tell.

    Args:
        number: with area code or as a mobile number, in any usual spelling; one without area code tells nothing.
    """
    found = _CHINESE.fullmatch(_SEPARATORS.sub("", number))
    national = next((group for group in found.groups() if group), "") if found else ""
    known = _regions()
    return next((known[national[:length]] for length in range(len(national), 1, -1) if national[:length] in known), "")


@cache
def _regions() -> Mapping[str, str]:
    text = gzip.decompress(files(__package__).joinpath("number_regions.txt.gz").read_bytes()).decode()
    pairs = (line.partition(" ") for line in text.splitlines())
    return {prefix: intern(code) for prefix, _, code in pairs}
