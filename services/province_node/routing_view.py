"""What this node routes by: the directory made ready for questions, and what it has itself observed of others.

A member that did not answer is left alone for 2 s, then for twice as long each time up to 30 s (a breaker); then it is asked beside the
calls first, so that no caller waits for it in vain, and only where nobody asks, a call tries. A unit that refused is left alone for as long
as it asked. Both are forgotten by themselves: nothing that is observed lasts without a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from twelve333.adapters.calendar import announced_calendar
from twelve333.adapters.clock import Clock, system_clock
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.decision import Refused, refuse
from twelve333.core.registration import codes
from twelve333.core.registration.model import Unit
from twelve333.core.routing.model import Call, Queue, Route, Slots, State
from twelve333.core.routing.policy import Policies, policies_by_unit
from twelve333.core.routing.replay import observed
from twelve333.core.routing.rules import decide
from twelve333.wire.directory import Indexed, indexed, snapshot_from_wire
from twelve333.wire.policy import policy_from_wire

from .directory import DirectoryReplica
from .rates import RateBoard

BREAK_FIRST: Final = timedelta(seconds=2)
BREAK_MOST: Final = timedelta(seconds=30)
ASKED_WITHIN: Final = timedelta(seconds=6)  # so soon after a pause a member is asked beside the calls, and has answered or not
REFUSED_MOST: Final = timedelta(minutes=5)
_DOUBLINGS_MAX: Final = 4


class RoutingView:
    """One for a node.

    Args:
        directory: the replica of the directory.
        province: the member this node is.
        clock: the present moment.
    """

    def __init__(self, directory: DirectoryReplica, province: str, clock: Clock = system_clock) -> None:
        self.province = province
        self._directory, self._clock = directory, clock
        self._indexed: Indexed | None = None
        self._policies: Mapping[str, Policies] | None = None
        self._misses: dict[str, int] = {}
        self._unreachable: dict[str, datetime] = {}
        self._refused: dict[str, datetime] = {}
        self.queues: Callable[[], Mapping[str, Queue]] = dict  # what is told of units' queues; nothing, as long as nobody listens
        self.slots: Callable[[], Mapping[str, Slots]] = dict  # room that other nodes promised; nothing, as long as nobody asks for it
        self.rates = RateBoard()
        directory.on_change(self._forget_snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """The directory in use as it holds now, indexed once a version and once for each change that was dated ahead.

        Raises:
            Refused: REGISTRATION_DIRECTORY_MISSING.
        """
        return self._present().snapshot

    def snapshot_at(self, at: datetime) -> Snapshot:
        """The directory in use as it holds at a time; raises as `snapshot`."""
        present = self._present()
        return present.snapshot if present.holds(at) else snapshot_from_wire(self._directory.current, announced_calendar(), at)

    def _present(self) -> Indexed:
        if self._indexed is None or not self._indexed.holds(self._clock()):
            if not self._directory.version:
                raise Refused(refuse(codes.DIRECTORY_MISSING))
            self._indexed = indexed(self._directory.current, announced_calendar(), self._clock())
        return self._indexed

    def known_units(self) -> Mapping[str, Unit]:
        """The units of the directory in use; none before the first."""
        return self.snapshot.units if self._directory.version else {}

    @property
    def policies(self) -> Mapping[str, Policies]:
        """The rules of units in the directory in use, made ready once a version."""
        if self._policies is None:
            self._policies = policies_by_unit(map(policy_from_wire, self._directory.current.policies))
        return self._policies

    def route(self, call: Call, now: datetime) -> Route:
        """Decide where a call goes, by all that this node knows; what was known of the units concerned goes with it.

        Raises:
            Refused: REGISTRATION_DIRECTORY_MISSING.
        """
        state = self.observed(now, call)
        route = decide(self.snapshot_at(now), state, call, now, self.policies)
        return route._replace(observed=observed(state, route))

    def observed(self, now: datetime, call: Call | None = None) -> State:
        """What counts at a time, and for a call if one is given.

        What lasts longer than anything was ever set to is from before our clock was set back.
        """
        unreachable = {member: due + ASKED_WITHIN for member, due in _until(self._unreachable, now + BREAK_MOST).items()}
        refused = _until(self._refused, now + REFUSED_MOST)
        return State(unreachable, refused, self.queues(), self.slots(), self.rates.gapped(call, now) if call else {})

    def is_left_alone(self, member: str, now: datetime) -> bool:
        """Whether the breaker of a member is open to calls."""
        due = self._unreachable.get(member)
        return due is not None and now - ASKED_WITHIN < due <= now + BREAK_MOST

    def may_be_asked(self, member: str, now: datetime) -> bool:
        """Whether a member may be asked for something beside the calls: it is not left alone, or its pause is over."""
        return not self.is_left_alone(member, now) or self._unreachable[member] <= now

    def missed(self, member: str, now: datetime) -> None:
        """A member did not answer: leave it alone, longer each time; calls that were under way when that began say nothing new."""
        if not self.may_be_asked(member, now):
            return
        misses = self._misses[member] = self._misses.get(member, 0) + 1
        self._unreachable[member] = now + min(BREAK_FIRST * 2 ** min(misses - 1, _DOUBLINGS_MAX), BREAK_MOST)

    def answered(self, member: str) -> None:
        """A member answered a call, whatever it said."""
        self._misses.pop(member, None)
        self._unreachable.pop(member, None)

    def reached(self, member: str) -> None:
        """A member answered beside the calls: calls go to it again; if that was too soon, it is left alone for longer."""
        self._unreachable.pop(member, None)

    def refused(self, unit: str, retry_after: timedelta | None, now: datetime) -> None:
        """A unit refused and said when to ask again, if it did."""
        if retry_after and retry_after > timedelta():
            self._refused[unit] = now + min(retry_after, REFUSED_MOST)

    def _forget_snapshot(self) -> None:
        self._indexed = self._policies = None


def _until(times: Mapping[str, datetime], last: datetime) -> dict[str, datetime]:
    return {name: until for name, until in times.items() if until <= last}
