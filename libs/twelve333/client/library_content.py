"""Earlier texts of the library, and the text that was in force on a day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from ..api.library.v1 import history_pb2 as pb
from ..api.library.v1 import history_pb2_grpc
from ..core.decision import Refusal, Refused
from ..core.library.model import Entry, Tombstone
from ..wire.library import change_from_wire
from ..wire.times import to_timestamp
from .calls import Calls
from .library import Stored, as_of_in, entry_of, stored_of


@dataclass(frozen=True, slots=True)
class Version:
    """One text of an entry (without its body), or its removal; `recorded_at` is None if that is not known."""

    version: int
    release: int
    recorded_at: datetime | None
    entry: Entry | None
    tombstone: Tombstone | None


class LibraryContentClient:
    """Typed calls of `LibraryHistoryService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._history = history_pb2_grpc.LibraryHistoryServiceStub(calls.channel)

    async def versions(self, entry_id: str) -> tuple[Version, ...]:
        """The texts of an entry and its removals, newest first; a node asks the hub."""
        answer = await self._calls.unary(self._history.ListVersions, pb.ListVersionsRequest(id=entry_id))
        return tuple(map(_version, answer.versions))

    async def text_at(self, name: str, *, as_at: date | None = None, as_of: datetime | None = None) -> Stored:
        """One text of a document.

        Args:
            name: id of an entry, or the document that groups its texts.
            as_at: the day on which it must have been in force; None for the text that `name` names.
            as_of: what the library said at that moment; None for now. A node asks the hub.
        """
        request = pb.GetTextAtRequest(id=name, as_at=as_at.isoformat() if as_at else "")
        if as_of is not None:
            request.as_of.CopyFrom(to_timestamp(as_of))
        answer = await self._calls.unary(self._history.GetTextAt, request)
        return replace(stored_of(answer.entry), as_of=as_of_in(answer))


def _version(message: pb.EntryVersion) -> Version:
    change = change_from_wire(message.change)
    if isinstance(change, Refusal):
        raise Refused(change)
    entry = entry_of(message.entry) if message.HasField("entry") else None
    return Version(change.version, change.release, change.recorded_at, entry, change.tombstone)
