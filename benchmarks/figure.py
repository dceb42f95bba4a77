"""What a benchmark tells: a value, what it is compared with, and the numbers of each round behind it.

Rule served: a figure is measured together with its peer in one run, or it is absent; nothing here is a constant.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from .measure import Absent, Round, percentile

PER_SECOND: Final = "1/s"
MICROSECONDS: Final = "µs"
MEBIBYTES: Final = "MiB"
SHARE: Final = "share"
SECONDS: Final = "s"
BYTES: Final = "bytes"
FRAMES: Final = "frames"
LESS_IS_BETTER: Final = (MICROSECONDS, MEBIBYTES, SECONDS, BYTES, FRAMES)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result.

    Args:
        name: `<capability>.<what>`; `_p50` and `_p99` are times of single calls of the figure without that ending.
        value: in `unit`; a rate is the median of the rounds, a time is that share of the calls of all rounds.
        unit: `1/s` or `share` (more is better), anything else (less is better).
        peer: what was measured in between, in the same unit.
        peer_value: its value, found in the same way.
        ratio: `value / peer_value`; 0 where the peer finds nothing at all.
        target: the value to reach, in `unit`; None if there is none.
        met: whether it was reached; None without a target.
        samples: the value of each round, in the order measured.
    """

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float
    ratio: float
    target: float | None
    met: bool | None
    samples: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One side of a figure: its value over all rounds, and that of each."""

    value: float
    samples: Sequence[float]


def middle(samples: Sequence[float]) -> Measured:
    """The median of the rounds."""
    return Measured(median(samples), samples)


def figure(name: str, unit: str, ours: Measured, peer: str, theirs: Measured, target: float | None = None) -> Figure:
    """A figure from both sides."""
    reached = target is not None and (ours.value <= target if unit in LESS_IS_BETTER else ours.value >= target)
    return Figure(
        name=name,
        value=_rounded(ours.value),
        unit=unit,
        peer=peer,
        peer_value=_rounded(theirs.value),
        ratio=_rounded(ours.value / theirs.value) if theirs.value else 0.0,
        target=target,
        met=None if target is None else reached,
        samples=tuple(map(_rounded, ours.samples)),
    )


def rate(name: str, ours: Sequence[Round], peer: str, theirs: Sequence[Round], target: float | None = None) -> Figure:
    """How many a second: the median of the rounds."""
    mine, others = (middle([one.rate for one in side]) for side in (ours, theirs))
    return figure(name, PER_SECOND, mine, peer, others, target)


def times(name: str, ours: Sequence[Round], peer: str, theirs: Sequence[Round]) -> list[Figure]:
    """`<name>_p50` and `<name>_p99`: the times of single calls in microseconds, over the calls of all rounds."""
    shares = {"p50": 0.50, "p99": 0.99}
    return [figure(f"{name}_{ending}", MICROSECONDS, _tail(ours, share), peer, _tail(theirs, share)) for ending, share in shares.items()]


def rate_and_times(name: str, ours: Sequence[Round], peer: str, theirs: Sequence[Round], target: float | None = None) -> list[Figure]:
    """All three of one comparison."""
    return [rate(name, ours, peer, theirs, target), *times(name, ours, peer, theirs)]


class PartlyAbsent(Absent):
    """Of a group, some figures cannot be measured here.

    Args:
        figures: those that could.
        reasons: why not, by the names of the others.
    """

    def __init__(self, figures: Sequence[Figure], reasons: Mapping[str, str]) -> None:
        super().__init__(", ".join(reasons))
        self.figures, self.reasons = figures, reasons


async def with_peers(figures: Sequence[Figure], parts: Mapping[tuple[str, ...], Callable[[], Awaitable[list[Figure]]]]) -> list[Figure]:
    """Figures, and those of parts that need a peer which this machine may not have.

    Args:
        figures: already measured.
        parts: what measures the figures of these names.

    Raises:
        PartlyAbsent: a peer is not there; all else is measured.
    """
    measured, reasons = list(figures), dict[str, str]()
    for names, part in parts.items():
        try:
            measured += await part()
        except Absent as absent:
            reasons[", ".join(names)] = str(absent)
    if reasons:
        raise PartlyAbsent(measured, reasons)
    return measured


def write(figures: Iterable[Figure], path: Path) -> None:
    """Keep the figures of this run, and no others, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in figures], ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def show(figures: Iterable[Figure], console: Console) -> None:
    """Print the figures for people."""
    table = Table(title="twelve333 benchmarks: each value beside its peer, from one run")
    for column in ("figure", "peer"):
        table.add_column(column, overflow="fold")
    for column in ("value", "unit", "peer value", "ratio", "target", "met"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in figures:
        target, met = ("" if one.target is None else _shown(one.target)), {None: "", True: "yes", False: "no"}[one.met]
        table.add_row(one.name, one.peer, _shown(one.value), one.unit, _shown(one.peer_value), f"{one.ratio:,.3g}", target, met)
    console.print(table)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.4g}"


def _tail(side: Sequence[Round], share: float) -> Measured:
    pooled = [took for one in side for took in one.times]
    return Measured(percentile(pooled, share) * 1e6, [percentile(one.times, share) * 1e6 for one in side])


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
