"""Settings of the hub."""

from __future__ import annotations

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


class HubSettings(ServiceSettings):
    """Everything the hub can be told."""

    listen: Listen
    broker: HubBroker
    certificate_days: float = Field(default=30.0, gt=0, le=90)
