"""What this running copy of a member may do at the moment: asked before anything is told, taken or newly begun.

One object for each process, shared by outbox, inbox and relay. Where nobody decides about copies (a command, a test) all is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from ...core.decision import Refusal, Refused, refuse
from ...core.delivery.codes import COPY_UNDECIDED, FENCED
from ...core.delivery.leases import Copy
from ...core.ids import HUB

RETRY: Final = timedelta(seconds=1)


class Standing:
    """See the module.

    Args:
        member: who this process is.
        instance: names this process; empty where nobody decides about copies.
    """

    def __init__(self, member: str = "", instance: str = "") -> None:
        self.member, self.instance = member, instance
        self.copy, self.fence = Copy.SOLE, 0
        self._listeners: list[Callable[[], None]] = []

    @property
    def suffix(self) -> str:
        """What the ids of events made by this process end with, so that no two copies ever make the same."""
        return f"-{self.instance[:8]}" if self.instance else ""

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever it is decided what this copy may do."""
        self._listeners.append(listener)

    def decide(self, copy: Copy, fence: int) -> None:
        """Go by this from now on; a copy that is fenced stays so for as long as it runs."""
        if self.copy is not Copy.FENCED:
            self.copy, self.fence = copy, fence
        for listener in self._listeners:
            listener()

    def check_work(self) -> None:
        """Whether something new may be begun here.

        Raises:
            Refused: DELIVERY_FENCED, DELIVERY_COPY_UNDECIDED.
        """
        if not self.copy.works:
            raise Refused(self.refusal())

    def check_tell(self) -> None:
        """Whether something may be told to others or taken from them.

        Raises:
            Refused: as `check_work`.
        """
        if not self.copy.tells:
            raise Refused(self.refusal())

    def refusal(self) -> Refusal:
        """Why not."""
        if self.copy is Copy.FENCED:
            return refuse(FENCED, member=self.member, command="hub" if self.member == HUB else "node")
        return refuse(COPY_UNDECIDED, retry_after=RETRY, member=self.member)
