"""`twelve333 node`: join the federation, migrate and run a province's node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from twelve333.adapters.clock import system_clock
from twelve333.adapters.settings import load
from twelve333.adapters.signing.files import refuse_existing
from twelve333.adapters.signing.suites import SuiteName
from twelve333.catalogue.catalogue import sentence
from twelve333.cli.alarms import alarms, clear_alarms
from twelve333.cli.common import Common, OptionalInput, Port, connect
from twelve333.cli.holders import holder_app
from twelve333.cli.output import complain, show, show_one
from twelve333.cli.parked import parked_app
from twelve333.cli.retention import keeper, retention_app
from twelve333.core.decision import Refusal
from twelve333.core.identity import Role

from .asking import token_from
from .authority_commands import app as rotate_authority
from .check_names import NAMES, CheckName
from .settings import NodeSettings

if TYPE_CHECKING:
    from twelve333.adapters.retention import Keeper

    from .join import Plan

app = App(name="node", help="A province's node: join the federation, migrate its database, run it.")

keys = App(name="keys", help="Keys of the personal data in the database.")
app.command(keys)
app.command(parked_app())
app.command(holder_app(Role.LOCAL_OPERATOR))
app.command(holder_app(Role.DESK))
app.command(rotate_authority)

app.command(alarms)
app.command(clear_alarms)

SERVICE = "province_node"
CONFIG = Path("node.toml")
CHECK_FAILED = 5


@asynccontextmanager
async def _keeper(config: Path) -> AsyncIterator[Keeper]:
    from .store import delivery_of
    from .store.audit import log
    from .store.retention import store

    settings = load(NodeSettings, config)
    async with keeper(settings, delivery_of(settings.province), store, log) as kept:
        yield kept


app.command(retention_app(_keeper, CONFIG, "local_operator"))


@app.command
async def join(
    *,
    province: str,
    hub: str,
    pin: str,
    token_file: OptionalInput = None,
    directory: Path = Path("node"),
    host: str = "127.0.0.1",
    federation_port: Port = 7543,
    desk_port: Port = 7544,
    page_port: Port = 7545,
    health_port: Port = 7580,
    operator: str = "operator",
    desk: str = "desk-1",
    suite: SuiteName = "international",
    skip_preflight: Annotated[tuple[CheckName, ...], Parameter(negative="")] = (),
    common: Common = Common(),
) -> int:
    """Join the federation with the line that the ministry sent; the key is made here and never leaves this machine.

    Args:
        province: code of the province, e.g. 320000.
        hub: host:port of the hub's enrolment listener.
        pin: hash of the federation's root certificate, `sha256:` and 64 hex digits.
        token_file: file with the one-time token, `-` for a pipe; at a terminal it is asked for if absent.
        directory: folder to make; it must not hold a node yet.
        host: address to listen on and to tell others.
        federation_port: for hub and other nodes.
        desk_port: for the province's own desktops and operators.
        page_port: for the consultants' page, under the certificates of desks; 0: none.
        health_port: on loopback, for probes.
        operator: name of the first local operator, a-z 0-9 . _ -.
        desk: name of the first desktop, likewise.
        suite: of cryptography for what is kept here and told to this node; `sm` is SM3 and SM4.
        skip_preflight: name of a check to leave out, see `node preflight --list`; may be given several times.
    """
    from .join import Plan
    from .preflight import preflight as run_checks

    people, ports = (operator, desk), (federation_port, desk_port, health_port)
    plan = Plan(directory, province, hub, pin, host, *ports, *people, suite, page_port, locale=common.language)
    refuse_existing(directory / CONFIG)
    if failed := await run_checks(plan, system_clock, skip_preflight):
        return _complain(failed, common)
    revision = await _make(plan, token_from(token_file, common))
    result = {"province": province, "settings": str(directory / CONFIG), "revision": revision}
    show_one({**result, "next": f"twelve333 node run --config {directory / CONFIG}"}, as_json=common.json)
    return 0


@app.command
async def preflight(
    *,
    province: str = "",
    hub: str = "",
    pin: str = "",
    directory: Path = Path("node"),
    host: str = "127.0.0.1",
    federation_port: Port = 7543,
    desk_port: Port = 7544,
    page_port: Port = 7545,
    health_port: Port = 7580,
    skip_preflight: Annotated[tuple[CheckName, ...], Parameter(negative="")] = (),
    list_checks: Annotated[bool, Parameter(name="--list", negative="")] = False,
    common: Common = Common(),
) -> int:
    """Run the checks that come before joining, and nothing else; no token is needed.

    Args:
        province, hub, pin, directory, host, federation_port, desk_port, page_port, health_port, skip_preflight: as for `node join`.
        list_checks: name the checks instead of running them.
    """
    from .join import Plan
    from .preflight import preflight as run_checks

    if list_checks:
        texts = [{"name": name, "checks": sentence(f"REGISTRATION_CHECK_{name.upper()}", {}, common.language)} for name in NAMES]
        show(texts, ("name", "checks"), as_json=common.json)
        return 0
    people = "operator", "desk-1"
    plan = Plan(directory, province, hub, pin, host, federation_port, desk_port, health_port, *people, page_port=page_port)
    if failed := await run_checks(plan, system_clock, skip_preflight):
        return _complain(failed, common)
    show_one({"passed": [name for name in NAMES if name not in skip_preflight]}, as_json=common.json)
    return 0


@app.command
async def rejoin(*, hub: str, pin: str, token_file: OptionalInput = None, config: Path = CONFIG, common: Common = Common()) -> None:
    """Join again with a new token and a new key, after the old one was revoked or lost; the node's data stay, and it may go on running.

    Args:
        hub: host:port of the hub's enrolment listener.
        pin: hash of the federation's root certificate, `sha256:` and 64 hex digits.
        token_file: file with the new one-time token, `-` for a pipe; at a terminal it is asked for if absent.
        config: settings file of the node.
    """
    from .rejoin import rejoin as enrol_again

    settings = load(NodeSettings, config)
    serial = await enrol_again(settings, hub, pin, token_from(token_file, common), common.language)
    show_one({"province": settings.province, "certificate": serial}, as_json=common.json)


@app.command
async def migrate(*, config: Path = CONFIG, common: Common = Common()) -> None:
    """Bring the database to the newest revision; never happens by itself.

    Args:
        config: settings file of the node.
    """
    from twelve333.adapters.keys import ensure_keys
    from twelve333.adapters.sql.prepare import prepare

    from .store import delivery_of

    settings, now = load(NodeSettings, config), system_clock()
    ensure_keys(settings, now)
    revision = await prepare(SERVICE, settings.database_url, delivery_of(settings.province), now)
    show_one({"revision": revision, "next": f"twelve333 node run --config {config}"}, as_json=common.json)


@app.command
async def backup(file: Path, *, config: Path = CONFIG, common: Common = Common()) -> None:
    """Write all that the database holds into a file, while the node runs or not, and check the file.

    Keys and certificates (the folder `pki`) are no part of it: keep them apart, and not in one place with this file.

    Args:
        file: where to; it is replaced as a whole, readable by its owner only.
        config: settings file of the node.
    """
    from twelve333.cli.backup import make_backup

    from .backup import service

    settings = load(NodeSettings, config)
    await make_backup(file, settings.database_url, service(settings.province), common)


@app.command
async def restore(
    file: Path, *, config: Path = CONFIG, replace: Annotated[bool, Parameter(negative="")] = False, common: Common = Common()
) -> None:
    """Make the database what a backup holds, under a new epoch; the node must be stopped.

    What others told since the backup, they send again once the node runs.

    Args:
        file: made by `node backup`, of SQLite or PostgreSQL.
        config: settings file of the node; names the database.
        replace: put it in the place of the database there is.
    """
    from twelve333.cli.backup import restore_backup

    from .backup import service

    settings = load(NodeSettings, config)
    await restore_backup(file, settings.database_url, service(settings.province), common, replace=replace)


@app.command
async def takeover(*, config: Path = CONFIG, common: Common = Common()) -> None:
    """Decide that this copy of the node is the one that lives, where two copies of it were at work; both must be stopped.

    It begins a new epoch: what waits here is told under it, others tell again what this copy lacks, and the other copy is refused.

    Args:
        config: settings file of the node; names the database.
    """
    from twelve333.cli.takeover import take_over

    from .backup import service

    settings = load(NodeSettings, config)
    await take_over(settings.database_url, service(settings.province), common)


@app.command
async def check(*, config: Path = CONFIG, common: Common = Common()) -> int:
    """Read the whole database, while the node runs or not, and open every sealed value; exit code 5 if something is damaged.

    Args:
        config: settings file of the node.
    """
    from twelve333.cli.backup import check_database

    from .backup import service

    settings = load(NodeSettings, config)
    return await check_database(settings, service(settings.province), common)


@app.command
async def run(*, config: Path = CONFIG) -> None:
    """Run the node until it is told to stop (SIGTERM or Ctrl-C); it then drains.

    Args:
        config: settings file of the node.
    """
    from .assembly import serve  # the services' dependencies are loaded only to run

    await serve(load(NodeSettings, config))


@keys.command
async def rotate(*, config: Path = CONFIG, forget_old: bool = False, common: Common = Common()) -> None:
    """Make a new key for personal data and seal everything anew under it; the service may go on running.

    Args:
        config: settings file of the node.
        forget_old: drop the older keys afterwards; backups made before then cannot be read any more.
    """
    from twelve333.adapters.keys import rotate as rotate_keys

    from .store import metadata

    done = await rotate_keys(load(NodeSettings, config), metadata, system_clock(), forget_old=forget_old)
    show_one(asdict(done), as_json=common.json)


@app.command
async def status(*, common: Common = Common()) -> None:
    """Show how the node stands: directory, broker, hub, library, and what waits for whom."""
    from twelve333.cli.delivery import show_delivery
    from twelve333.cli.standing import call_values, show_calls, warn_of

    async with connect(common) as node:
        stands = await node.registration.node_status()
        delivery = await node.delivery.status()
    warn_of(stands, system_clock(), common)
    more = {"calls": call_values(stands.calls), "directory_alarms": [asdict(each) for each in stands.directory_alarms]}
    show_delivery(delivery, common, head=stands, more=more)
    show_calls(stands.calls, common)


async def _make(plan: Plan, token: str) -> str:
    """Enrol, then make the database with the directory that came along; the revision of the database."""
    from twelve333.adapters.keys import ensure_keys
    from twelve333.adapters.sql.prepare import prepare

    from .directory import keep_first
    from .join import join as enrol
    from .store import delivery_of

    now = system_clock()
    answer = await enrol(plan, token, now)
    settings = load(NodeSettings, plan.folder / CONFIG)
    ensure_keys(settings, now)
    revision = await prepare(SERVICE, settings.database_url, delivery_of(plan.province), now)
    await keep_first(settings.database_url, answer.document_key, answer.directory, now)
    return revision


def _complain(failed: Refusal, common: Common) -> int:
    """Say which checks failed, one sentence each."""
    details = [sentence(each.code.name, each.params, common.language) for each in failed.violations]
    complain(failed.code.name, sentence(failed.code.name, failed.params, common.language), details, as_json=common.json)
    return CHECK_FAILED
