"""What is checked before a province joins: by name, each with one sentence, each to be left out by name.

Nothing is sent to the hub but a greeting: the token stays unused while a check fails.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import grpc

from twelve333 import __version__
from twelve333.adapters.doctor import greeting
from twelve333.adapters.local_broker import MINIMUM
from twelve333.adapters.rpc.credentials import channel_options
from twelve333.adapters.signing.pinning import fetch_root, parse_pin
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.api.registration.v1 import service_pb2_grpc
from twelve333.core.decision import FieldViolation, Refusal, Refused, refuse
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.core.registration.rules import ENDPOINT
from twelve333.wire.times import from_timestamp

from .check_names import NAMES
from .join import Plan

ASK_SECONDS: Final = 5.0
CLOCK_SECONDS_MAX: Final = 60.0
DISK_MIB_MIN: Final = 1024
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at.

    Args:
        plan: what is to be joined.
        told: the hub's greeting; None if it did not come, so that what needs it cannot be checked.
        heard_at: our time when it came.
    """

    plan: Plan
    told: pb.GreetResponse | None
    heard_at: datetime


Check = Callable[[Facts], Awaitable[Refusal | None]]


async def preflight(plan: Plan, clock: Callable[[], datetime], skip: Collection[str] = ()) -> Refusal | None:
    """Run the checks.

    Args:
        plan: what is to be joined.
        clock: the present moment.
        skip: names of checks that are left out.

    Returns:
        REGISTRATION_PREFLIGHT_FAILED with one violation a failed check, or None.

    Raises:
        Refused: REGISTRATION_HUB_MALFORMED, SECURITY_PIN_MALFORMED: what was typed cannot be right, so nothing was checked.
    """
    if "hub" not in skip:
        _refuse_malformed(plan)
    told, away = await _greet(plan, clock())
    facts = Facts(plan, told, clock())
    found = {"hub": away, **{name: await check(facts) for name, check in CHECKS.items() if name not in skip}}
    failed = [FieldViolation(name, refusal.code, refusal.params) for name in NAMES if name not in skip and (refusal := found.get(name))]
    return Refusal(codes.PREFLIGHT_FAILED, {"count": str(len(failed))}, tuple(failed)) if failed else None


def _refuse_malformed(plan: Plan) -> None:
    if not ENDPOINT.fullmatch(plan.hub):
        raise Refused(refuse(codes.HUB_MALFORMED, hub=plan.hub[:64]))
    parse_pin(plan.pin)


async def _greet(plan: Plan, now: datetime) -> tuple[pb.GreetResponse | None, Refusal | None]:
    try:
        root = await asyncio.to_thread(fetch_root, plan.hub, plan.pin, now)
        async with grpc.aio.secure_channel(plan.hub, grpc.ssl_channel_credentials(root), options=channel_options(HUB)) as channel:
            return await service_pb2_grpc.EnrolmentServiceStub(channel).Greet(pb.GreetRequest(), timeout=ASK_SECONDS), None
    except Refused as refused:
        return None, refuse(codes.PREFLIGHT_HUB, address=plan.hub, reason=refused.refusal.code.name)
    except grpc.aio.AioRpcError as error:
        return None, refuse(codes.PREFLIGHT_HUB, address=plan.hub, reason=error.code().name)


async def check_dns(facts: Facts) -> Refusal | None:
    """Hub and node have names that resolve here."""
    for host in (facts.plan.hub.rpartition(":")[0].strip("[]"), facts.plan.host):
        try:
            await asyncio.get_running_loop().getaddrinfo(host, None)
        except (OSError, UnicodeError):
            return refuse(codes.PREFLIGHT_DNS, host=host)
    return None


async def check_clock(facts: Facts) -> Refusal | None:
    """Certificates and deadlines need clocks that agree."""
    if facts.told is None:
        return None
    seconds = abs((facts.heard_at - from_timestamp(facts.told.now)).total_seconds())
    return refuse(codes.PREFLIGHT_CLOCK, seconds=round(seconds), limit=round(CLOCK_SECONDS_MAX)) if seconds > CLOCK_SECONDS_MAX else None


async def check_versions(facts: Facts) -> Refusal | None:
    """Peers of one major release understand each other."""
    if facts.told is None or facts.told.release.partition(".")[0] == __version__.partition(".")[0]:
        return None
    return refuse(codes.PREFLIGHT_VERSIONS, theirs=facts.told.release[:32], ours=__version__)


async def check_broker(facts: Facts) -> Refusal | None:
    """At least one of the broker's addresses answers as a NATS server that is new enough."""
    outcome: Refusal | None = None
    for url in facts.told.broker_urls if facts.told else ():
        address = url.rpartition("/")[2]
        outcome = _judge_broker(address, await greeting(address))
        if outcome is None:
            return None
    return outcome


async def check_ports(facts: Facts) -> Refusal | None:
    """The node's ports are free."""
    plan = facts.plan
    wanted = {"federation-port": (plan.host, plan.federation_port), "desk-port": (plan.host, plan.desk_port)}
    if plan.page_port:
        wanted["page-port"] = (plan.host, plan.page_port)
    for option, (host, port) in {**wanted, "health-port": ("127.0.0.1", plan.health_port)}.items():
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                return refuse(codes.PREFLIGHT_PORTS, address=f"{host}:{port}", reason=error.strerror or "", option=option)
    return None


async def check_disk(facts: Facts) -> Refusal | None:
    """The database has room to grow."""
    path = facts.plan.folder.absolute()
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free // MIB
    return refuse(codes.PREFLIGHT_DISK, path=Path(path), free=free, needed=DISK_MIB_MIN) if free < DISK_MIB_MIN else None


def _judge_broker(address: str, said: Mapping[str, object]) -> Refusal | None:
    if not said.get("tls_required"):
        return refuse(codes.PREFLIGHT_BROKER, address=address)
    told = str(said.get("version", ""))[:32]
    parts = re.match(r"(\d{1,6})\.(\d{1,6})", told)
    if parts and tuple(map(int, parts.groups())) >= MINIMUM and said.get("jetstream"):
        return None
    return refuse(codes.PREFLIGHT_BROKER_OLD, address=address, version=told, minimum=".".join(map(str, MINIMUM)))


CHECKS: Final[Mapping[str, Check]] = {
    "dns": check_dns,
    "clock": check_clock,
    "versions": check_versions,
    "broker": check_broker,
    "ports": check_ports,
    "disk": check_disk,
}
