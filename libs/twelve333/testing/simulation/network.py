"""The lines of every member, to the broker and to the other members: what is lost, late, doubled or cut, each direction for itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from .world import CALM, World


@dataclass(slots=True)
class Line:
    """A member's line, one flag per direction as the member sees it."""

    out_cut: bool = False
    in_cut: bool = False

    @property
    def whole(self) -> bool:
        """Whether both directions work."""
        return not (self.out_cut or self.in_cut)


@dataclass(slots=True)
class Network:
    """See the module. Everything that happens to a message is counted in the world."""

    world: World
    chance: Random = field(init=False)
    _to_broker: dict[str, Line] = field(default_factory=dict)
    _to_peers: dict[str, Line] = field(default_factory=dict)
    _met: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = self.world.chance("network")

    def to_broker(self, member: str) -> Line:
        """The line between a member and the broker."""
        return self._to_broker.setdefault(member, Line())

    def to_peers(self, member: str) -> Line:
        """The line between a member and all others, on which calls go."""
        return self._to_peers.setdefault(member, Line())

    def meet(self, origin: str, destination: str) -> None:
        """Note that something of one was on its way to the other."""
        self._met.setdefault(origin, set()).add(destination)
        self._met.setdefault(destination, set()).add(origin)

    def met_by(self, member: str) -> list[str]:
        """Those with whom a member has ever had anything to do."""
        return sorted(self._met.get(member, ()))

    def mend(self, line: Line) -> None:
        """Both directions work again."""
        line.out_cut = line.in_cut = False

    def heal(self) -> None:
        """Every line works, and the weather is calm."""
        self.world.weather = CALM
        for line in (*self._to_broker.values(), *self._to_peers.values()):
            self.mend(line)

    def passes(self, cut: bool) -> bool:
        """Whether a message gets through now."""
        if cut:
            self.world.counts["stopped by a cut"] += 1
            return False
        lost = self.chance.random() < self.world.weather.loss
        self.world.counts["lost"] += lost
        return not lost

    def copies(self) -> int:
        """How many of a message arrive."""
        doubled = self.chance.random() < self.world.weather.duplicate
        self.world.counts["doubled"] += doubled
        return 2 if doubled else 1

    def delay(self) -> float:
        """How many seconds a message takes."""
        weather = self.world.weather
        if self.chance.random() < weather.slow:
            self.world.counts["late"] += 1
            return self.chance.uniform(0, weather.slow_s)
        return self.chance.uniform(0.0005, 0.03)
