"""Moves events between this member's database and the broker: the only place where the two meet."""

from .relay import Relay

__all__ = ["Relay"]
