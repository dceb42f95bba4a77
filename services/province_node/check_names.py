"""The names of the checks before joining, apart from the checks so that the command line need not load what they need."""

from __future__ import annotations

from typing import Final, Literal, get_args

CheckName = Literal["dns", "hub", "clock", "versions", "broker", "ports", "disk"]
NAMES: Final[tuple[CheckName, ...]] = get_args(CheckName)
