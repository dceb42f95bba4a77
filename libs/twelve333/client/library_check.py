"""Checking a node's copy of the library against what was signed, and mending it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..api.library.v1 import checking_pb2 as pb
from ..api.library.v1 import checking_pb2_grpc
from .calls import Calls

CHECK_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Damaged:
    """A damaged entry: what of it (content, metadata, index, presence), and whether it is mended."""

    entry_id: str
    part: str
    repaired: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found.

    Args:
        release: number of the release that was compared with.
        entries: read.
        damaged: what is not as it was signed.
        member: who was asked; empty if nobody had to be.
        wire_bytes, repair_bytes: sent and received to find what is damaged, and to mend it.
        seconds: it took.
    """

    release: int
    entries: int
    damaged: tuple[Damaged, ...]
    member: str
    wire_bytes: int
    repair_bytes: int
    seconds: float


class LibraryCheckClient:
    """Typed calls of `LibraryCheckService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._check = checking_pb2_grpc.LibraryCheckServiceStub(calls.channel)

    async def check(self, *, repair: bool = False, member: str = "") -> Checked:
        """Read every entry and compare it with the signed release.

        Args:
            repair: mend what is damaged.
            member: ask only this one: `hub` or a province; the hub and then other provinces if empty.
        """
        request = pb.CheckLibraryRequest(repair=repair, member=member)
        answer = await self._calls.unary(self._check.CheckLibrary, request, timeout=CHECK_SECONDS)
        names = {value: name.removeprefix("DAMAGED_PART_").lower() for name, value in pb.DamagedPart.items()}
        damaged = tuple(Damaged(one.entry_id, names.get(one.part, "unknown"), one.repaired) for one in answer.damaged)
        counted = answer.number, answer.entries, damaged, answer.member, answer.wire_bytes, answer.repair_bytes
        return Checked(*counted, answer.took.ToTimedelta().total_seconds())
