"""Settings of the hub."""

from __future__ import annotations

from pydantic import Field

from twelve333.adapters.settings import Address, Section, ServiceSettings


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


class HubSettings(ServiceSettings):
    """Everything the hub can be told."""

    listen: Listen
    certificate_days: float = Field(default=30.0, gt=0, le=90)
