"""`twelve333 hub`: make, migrate and run the ministry's node, and let provinces in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from twelve333.adapters.clock import system_clock
from twelve333.adapters.settings import load
from twelve333.adapters.signing.suites import SuiteName
from twelve333.adapters.signing.tokens import JoinOffer, write_token
from twelve333.cli.alarms import alarms, clear_alarms
from twelve333.cli.common import Common, Port, connect
from twelve333.cli.holders import holder_app
from twelve333.cli.output import print_json, print_line, show, show_one
from twelve333.cli.parked import parked_app
from twelve333.cli.retention import keeper, retention_app
from twelve333.core.identity import Role
from twelve333.core.ids import HUB

from .init import AUTHORITY_NAME, Plan, create
from .root_commands import app as rotate_root
from .settings import HubSettings

if TYPE_CHECKING:
    from twelve333.adapters.retention import Keeper

app = App(name="hub", help="The ministry's node: make it, migrate its database, run it, let provinces in.")
token = App(name="token", help="One-time tokens with which provinces join.")
app.command(token)
app.command(parked_app())
app.command(holder_app(Role.OPERATOR))
app.command(rotate_root)
keys = App(name="keys", help="Keys of the personal data in the database.")
app.command(keys)

app.command(alarms)
app.command(clear_alarms)

SERVICE = "national_hub"
CONFIG = Path("hub.toml")


@asynccontextmanager
async def _keeper(config: Path) -> AsyncIterator[Keeper]:
    from .store import delivery_of
    from .store.audit import log
    from .store.retention import store

    settings = load(HubSettings, config)
    async with keeper(settings, delivery_of(HUB), store, log) as kept:
        yield kept


app.command(retention_app(_keeper, CONFIG, "operator"))


@app.command
def init(
    *,
    directory: Path = Path("hub"),
    host: str = "127.0.0.1",
    federation_port: Port = 7443,
    enrolment_port: Port = 7444,
    health_port: Port = 7480,
    broker_port: Port = 4222,
    operator: str = "operator",
    suite: SuiteName = "international",
    common: Common = Common(),
) -> None:
    """Make a hub: its authority, certificates, settings, the broker's settings, and a first operator's profile.

    Args:
        directory: folder to make; it must not hold a hub yet.
        host: address to listen on and to tell others.
        federation_port: for members and operators.
        enrolment_port: for provinces that join.
        health_port: on loopback, for probes.
        broker_port: of the nats-server that uses the settings made here.
        operator: name of the first operator, a-z 0-9 . _ -.
        suite: of cryptography; `sm` is SM2, SM3 and SM4 wherever this program chooses (not TLS) and needs `pip install 'twelve333[sm]'`.
    """
    plan = Plan(directory, host, federation_port, enrolment_port, health_port, broker_port, operator, suite)
    authority = create(plan, system_clock())
    result = {"settings": str(directory / CONFIG), "authority_pin": authority.pin, "profile": str(directory / "profiles" / operator)}
    show_one({**result, "next": f"twelve333 hub migrate --config {directory / CONFIG}"}, as_json=common.json)


@app.command
async def migrate(*, config: Path = CONFIG, common: Common = Common()) -> None:
    """Bring the database to the newest revision; never happens by itself.

    Args:
        config: settings file of the hub.
    """
    from twelve333.adapters.keys import ensure_keys
    from twelve333.adapters.sql.prepare import prepare

    from .store import delivery_of

    settings, now = load(HubSettings, config), system_clock()
    ensure_keys(settings, now)
    revision = await prepare(SERVICE, settings.database_url, delivery_of(HUB), now)
    show_one({"revision": revision, "next": f"twelve333 hub run --config {config}"}, as_json=common.json)


@app.command
async def backup(file: Path, *, config: Path = CONFIG, common: Common = Common()) -> None:
    """Write all that the database holds into a file, while the hub runs or not, and check the file.

    Keys and certificates (the folder `pki`) are no part of it: keep them apart, and not in one place with this file.

    Args:
        file: where to; it is replaced as a whole, readable by its owner only.
        config: settings file of the hub.
    """
    from twelve333.cli.backup import make_backup

    from .backup import service

    settings = load(HubSettings, config)
    await make_backup(file, settings.database_url, service(), common)


@app.command
async def restore(
    file: Path, *, config: Path = CONFIG, replace: Annotated[bool, Parameter(negative="")] = False, common: Common = Common()
) -> None:
    """Make the database what a backup holds, under a new epoch; the hub must be stopped.

    What others told since the backup, they send again once the hub runs.

    Args:
        file: made by `hub backup`, of SQLite or PostgreSQL.
        config: settings file of the hub; names the database.
        replace: put it in the place of the database there is.
    """
    from twelve333.cli.backup import restore_backup

    from .backup import service

    settings = load(HubSettings, config)
    await restore_backup(file, settings.database_url, service(), common, replace=replace)


@app.command
async def takeover(*, config: Path = CONFIG, common: Common = Common()) -> None:
    """Decide that this copy of the hub is the one that lives, where two copies of it were at work; both must be stopped.

    It begins a new epoch: what waits here is told under it, others tell again what this copy lacks, and the other copy is refused.

    Args:
        config: settings file of the hub; names the database.
    """
    from twelve333.cli.takeover import take_over

    from .backup import service

    settings = load(HubSettings, config)
    await take_over(settings.database_url, service(), common)


@app.command
async def check(*, config: Path = CONFIG, common: Common = Common()) -> int:
    """Read the whole database, while the hub runs or not, and open every sealed value; exit code 5 if something is damaged.

    Args:
        config: settings file of the hub.
    """
    from twelve333.cli.backup import check_database

    from .backup import service

    settings = load(HubSettings, config)
    return await check_database(settings, service(), common)


@app.command
async def run(*, config: Path = CONFIG) -> None:
    """Run the hub until it is told to stop (SIGTERM or Ctrl-C); it then drains.

    Args:
        config: settings file of the hub.
    """
    from .assembly import serve  # the services' dependencies are loaded only to run

    await serve(load(HubSettings, config))


@app.command
async def members(*, common: Common = Common()) -> None:
    """List the members of the federation; one that was revoked is refused everywhere until it has rejoined."""
    async with connect(common) as hub:
        found = await hub.registration.list_members()
    rows = [
        {
            "name": each.member.name,
            "endpoint": each.member.endpoint,
            "joined_at": each.member.joined_at.isoformat(timespec="seconds"),
            "revoked_at": each.revoked_at.isoformat(timespec="seconds") if each.revoked_at else None,
        }
        for each in found
    ]
    show(rows, ("name", "endpoint", "joined_at", "revoked_at"), as_json=common.json)


@app.command(name="rotate-issuing")
def rotate_issuing(*, directory: Path = Path("hub"), root: Path | None = None, common: Common = Common()) -> None:
    """Replace the issuing authority with the root's key from the safe; the hub may go on running, old certificates count until renewed.

    Args:
        directory: folder of the hub.
        root: folder with the root's `ca.key`; that of the hub if absent. Take the key off this machine again afterwards.
    """
    from twelve333.adapters.signing.issuing import rotate_issuing as rotate

    folder = directory / "pki" / "authority"
    made = rotate(folder, root or folder / "root", AUTHORITY_NAME, system_clock()).certificate
    show_one({"issuing_until": made.not_valid_after_utc.isoformat(timespec="seconds")}, as_json=common.json)


@app.command(name="rotate-documents")
def rotate_documents(*, directory: Path = Path("hub"), common: Common = Common()) -> None:
    """Replace the key that signs directories and releases: the present one vouches for the new one and is destroyed. Start the hub again.

    Args:
        directory: folder of the hub. Put a copy of its `pki/documents.key` and `pki/documents.vouchers` into the safe afterwards.
    """
    from twelve333.adapters.signing.document_keys import exchange_key
    from twelve333.adapters.signing.documents import key_id

    made = exchange_key(directory / "pki", system_clock())
    show_one({"key_id": key_id(made), "public_key": made.hex()}, as_json=common.json)


@app.command
async def revoke(*, province: str, reason: str, common: Common = Common()) -> None:
    """Refuse a member from now on, at the hub and at every other member; it is good again once it has rejoined with a new token.

    Args:
        province: code of the member, e.g. 320000.
        reason: why, for the register; nothing personal.
    """
    async with connect(common) as hub:
        version, keys = await hub.registration.revoke(province, reason)
    show_one({"province": province, "keys_revoked": keys, "directory_version": version}, as_json=common.json)


@keys.command
async def rotate(*, config: Path = CONFIG, forget_old: bool = False, common: Common = Common()) -> None:
    """Make a new key for personal data and seal everything anew under it; the service may go on running.

    Args:
        config: settings file of the hub.
        forget_old: drop the older keys afterwards; backups made before then cannot be read any more.
    """
    from twelve333.adapters.keys import rotate as rotate_keys

    from .store import metadata

    done = await rotate_keys(load(HubSettings, config), metadata, system_clock(), forget_old=forget_old)
    show_one(asdict(done), as_json=common.json)


@app.command
async def status(*, common: Common = Common()) -> None:
    """Show what waits for whom, what was delivered and what came in, and how members stand with roots and directory."""
    from twelve333.cli.delivery import show_delivery
    from twelve333.cli.standing import show_standings, standing_values

    async with connect(common) as hub:
        delivery, standings = await hub.delivery.status(), await hub.registration.member_standings()
    show_delivery(delivery, common, more={"standings": [standing_values(each) for each in standings]})
    if not common.json:
        show_standings(standings, common)


@token.command(name="create")
async def create_token(
    *, province: str, token_file: Path | None = None, ttl: timedelta = timedelta(hours=24), common: Common = Common()
) -> None:
    """Make a one-time token for a province: the secret goes into a file, the one line to give to the province is printed.

    Args:
        province: code of the province, e.g. 320000.
        token_file: where the secret is written, readable by its owner only; `<province>.token` here if absent.
        ttl: how long it is good for, at most 7 days, e.g. 90m, 24h or 2d.
    """
    async with connect(common) as hub:
        made = await hub.registration.create_token(province, ttl)
    token_file = token_file or Path(f"{province}.token")
    write_token(token_file, made.secret)
    line = JoinOffer(made.enrolment_endpoint, province, made.authority_pin).command(str(token_file))
    if common.json:
        print_json({"token_file": str(token_file), "expires_at": made.expires_at.isoformat(timespec="seconds"), "run": line})
    else:
        print_line(line)
