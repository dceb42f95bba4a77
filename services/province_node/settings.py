"""Settings of a province's node."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from twelve333.adapters.settings import Address, Section, ServiceSettings
from twelve333.core.ids import is_unit_code
from twelve333.core.library.model import Scope
from twelve333.core.library.pacing import Cap

from .cases_policy import Cases


def _check_province(text: str) -> str:
    if not is_unit_code(text):
        raise ValueError("must be a province code such as 320000, or the code of a unit with a node of its own")
    return text


class Listen(Section):
    """Where the node listens: `federation` for hub and other nodes, `desk` for its own desktops and operators (both mutual TLS,
    each with its own authority), `page` for their browsers under the same certificates (nowhere unless said), `health` plain, for
    probes only. `advertise` is `federation` as other members reach it."""

    federation: Address
    desk: Address
    page: Address | None = None
    health: Address
    advertise: Address


class Hub(Section):
    """The ministry's node: `endpoint` for members, `enrolment` for a member whose certificate has ended."""

    endpoint: Address
    enrolment: Address | None = None
    sync_seconds: float = Field(default=30.0, gt=0, le=3600)


class Directory(Section):
    """How long after the hub's last word the directory counts as fresh, and from when on the node says loudly that it is overdue."""

    fresh_hours: float = Field(default=24.0, gt=0, le=24 * 30)
    overdue_hours: float = Field(default=72.0, gt=0, le=24 * 90)


class Handoff(Section):
    """Time limits of a handoff: for one candidate, for all together, and for how long a promised seat is held.

    `context_needs`: a file of the province's own, counted from the settings file: what of a context travels, by topic.
    """

    candidate_ms: int = Field(default=250, ge=10, le=10_000)
    total_ms: int = Field(default=800, ge=50, le=60_000)
    seat_hold_seconds: float = Field(default=30.0, gt=0, le=3600)
    call_hold_seconds: float = Field(default=3600.0, gt=0, le=86_400)
    context_needs: Path | None = None


class LibraryCap(Section):
    """Kilobits a second that copying the library may take, each way, from one time of day in Beijing to another (equal: all day)."""

    start: time = Field(default=time(0), alias="from")
    end: time = Field(default=time(0), alias="to")
    kilobits: int = Field(gt=0)


class Library(Section):
    """What part of the library this node holds (empty: all), and how much of the line it may take; a repeal goes past every cap.

    `files` come by themselves: those of these kinds of entries, beginnings of topic codes, or `all`; others when a desk asks.
    `synonyms`: a file of the province's own, counted from the settings file, adds to the national ones.
    """

    files: tuple[str, ...] = ("prompt",)
    synonyms: Path | None = None
    topics: tuple[str, ...] = Field(default=(), max_length=16)
    regions: tuple[str, ...] = Field(default=(), max_length=16)
    caps: tuple[LibraryCap, ...] = ()
    removals_kept_days: int = Field(default=400, ge=1)

    @property
    def scope(self) -> Scope:
        """The part held."""
        return Scope(tuple(sorted(set(self.topics))), tuple(sorted(set(self.regions))))

    @property
    def line(self) -> tuple[Cap, ...]:
        """The caps."""
        return tuple(Cap(cap.start, cap.end, cap.kilobits) for cap in self.caps)


class NodeSettings(ServiceSettings):
    """Everything a node can be told."""

    province: Annotated[str, AfterValidator(_check_province)]
    listen: Listen
    hub: Hub
    directory: Directory = Directory()
    handoff: Handoff = Handoff()
    cases: Cases = Cases()
    library: Library = Library()
