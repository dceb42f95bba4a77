"""Loads the national table of what the context of a call needs."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from twelve333.core.decision import Refusal, Refused
from twelve333.core.routing.context_needs import Needs, needs_of


@cache
def national_needs() -> Needs:
    """What travels by topic, unless a province says otherwise."""
    found = needs_of((files(__package__) / "context_needs.toml").read_text(encoding="utf-8"))
    if isinstance(found, Refusal):
        raise Refused(found)
    return found
