"""Moves events between this member's database and the others', over the broker or around it: the only place where they meet."""

from .direct import DeliveryPeerHandlers, GrpcDirect
from .relay import Relay

__all__ = ["DeliveryPeerHandlers", "GrpcDirect", "Relay"]
