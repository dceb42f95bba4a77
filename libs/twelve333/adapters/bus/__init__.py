"""The message broker: a doorbell and a fast path between members. The databases hold the truth; losing the broker loses time only."""

from .port import Bus, Incoming
from .server_config import BROKER_NAME, BrokerServer, render_server_config

__all__ = ["BROKER_NAME", "BrokerServer", "Bus", "Incoming", "render_server_config"]
