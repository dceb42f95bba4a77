"""Who witnesses whose log: besides the hub two provinces, so that a node and the hub together cannot rewrite it unnoticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

PEERS: Final = 2


def witnesses_of(member: str, others: Iterable[str], most: int = PEERS) -> tuple[str, ...]:
    """The members that witness the log of `member`, in a fixed order.

    They follow from the names alone (rendezvous hashing), so nobody can pick them, and one who joins or leaves moves few.

    Args:
        member: whose log.
        others: who may be chosen; `member` itself never is.
        most: how many.
    """
    return tuple(sorted({*others} - {member}, key=lambda other: hashlib.sha256(f"{member}|{other}".encode()).digest())[:most])
