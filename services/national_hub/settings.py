"""Settings of the hub."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from twelve333.adapters.settings import Address, Broker, Section, ServiceSettings


class Listen(Section):
    """Where the hub listens and what it tells others.

    `federation` is for members and operators (mutual TLS), `enrolment` for provinces with a token (the hub alone has a
    certificate), `health` is plain and carries nothing but the health service: keep it on loopback or inside the pod.
    `advertise` is the address of `federation` as members reach it.
    """

    federation: Address
    enrolment: Address
    health: Address
    advertise: Address
    advertise_enrolment: Address


class HubBroker(Broker):
    """The broker that the hub keeps to its members: `config` is its `nats-server.conf`, counted from the folder of the settings."""

    config: Path = Path("broker/nats-server.conf")


class Library(Section):
    """For how long a signed release may pass for the present one; the hub signs it anew when half of that is over. For how long removals
    are told one by one; a node that was away for longer compares trees."""

    valid_hours: float = Field(default=14 * 24.0, gt=0, le=24 * 365)
    removals_kept_days: int = Field(default=400, ge=1)

    @property
    def valid(self) -> timedelta:
        """For how long a checkpoint is good."""
        return timedelta(hours=self.valid_hours)

    @property
    def removals_kept(self) -> timedelta:
        """For how long removals are remembered."""
        return timedelta(days=self.removals_kept_days)


class HubSettings(ServiceSettings):
    """Everything the hub can be told."""

    listen: Listen
    broker: HubBroker
    library: Library = Library()
    certificate_days: float = Field(default=30.0, gt=0, le=90)
