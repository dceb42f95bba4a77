"""What the demo measures; every figure comes from the members themselves."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Coverage:
    """Counts of the national table."""

    units: int = 0
    open: int = 0
    with_system: int = 0
    open_pct: float = 0.0
    with_system_pct: float = 0.0


@dataclass
class Library:
    """The release that the nodes hold, and how many hits each question had."""

    release: int = 0
    entries: int = 0
    nodes_in_sync: int = 0
    hits: dict[str, int] = field(default_factory=dict)


@dataclass
class Handoffs:
    """Offers made, calls connected, offers refused, and calls connected while hub and broker were away."""

    offered: int = 0
    connected: int = 0
    refused: int = 0
    connected_while_hub_down: int = 0


@dataclass
class Cases:
    """As the hub knows them."""

    opened: int = 0
    closed: int = 0
    caller_told_by_first_asked: int = 0


@dataclass
class Outage:
    """Events that waited during the outage, and what became of them; lost and duplicated are counted over the whole demo."""

    queued: int = 0
    delivered: int = 0
    lost: int = 0
    duplicated: int = 0


@dataclass
class Figures:
    """All of them."""

    coverage: Coverage = field(default_factory=Coverage)
    nodes: int = 0
    library: Library = field(default_factory=Library)
    handoffs: Handoffs = field(default_factory=Handoffs)
    cases: Cases = field(default_factory=Cases)
    outage: Outage = field(default_factory=Outage)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return asdict(self)
