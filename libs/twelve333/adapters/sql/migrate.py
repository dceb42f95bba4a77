"""Schema revisions: brought up by a command, checked (never changed) at start-up.

The revisions lie in `migrations/` of the checkout, or inside the installed package; one numbered branch per service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError

import twelve333

from ...core.decision import Refusal, Refused, refuse
from ...core.delivery.codes import SCHEMA_BEHIND, SCHEMA_MISSING, SCHEMA_UNKNOWN, STORE_DAMAGED
from .batch import unavailable
from .sqlite import sqlite_engine

R = TypeVar("R")
LOCK_TIMEOUT = "5s"  # a migration that cannot get its lock gives up instead of queueing everybody behind it
STATEMENT_TIMEOUT = "60s"
MIGRATION_LOCK = 0x12334  # so that two migrators of one database wait for each other
_COMMANDS = {"national_hub": "hub", "province_node": "node"}


def migrations_folder() -> Path:
    """Where the revisions lie: inside the package when installed, beside `libs/` in a checkout."""
    package = Path(twelve333.__file__).resolve().parent
    for folder in (package / "migrations", package.parent.parent / "migrations"):
        if (folder / "alembic.ini").is_file():
            return folder
    raise FileNotFoundError("the migrations folder is missing: the installation is not complete")


def alembic_config(service: str) -> Config:
    """Alembic's configuration for `service` (`national_hub` or `province_node`)."""
    return Config(str(migrations_folder() / "alembic.ini"), ini_section=service)


def upgrade(service: str, url: str) -> str:
    """Bring the database at `url` to the newest revision, all or nothing per revision, and return that revision.

    Raises:
        Refused: `DELIVERY_STORE_UNAVAILABLE`.
    """
    with_connection(url, lambda connection: run_command(service, connection, lambda config: command.upgrade(config, "head")))
    return head(service)


def upgrade_to(service: str, url: str, revision: str) -> None:
    """Bring an empty database to exactly `revision`.

    Raises:
        Refused: `DELIVERY_SCHEMA_UNKNOWN`, `DELIVERY_STORE_UNAVAILABLE`.
    """
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config(service)).walk_revisions()}
    if revision not in known:
        raise Refused(refuse(SCHEMA_UNKNOWN, current=revision, head=head(service), command=_COMMANDS[service]))
    with_connection(url, lambda connection: run_command(service, connection, lambda config: command.upgrade(config, revision)))


def check_drift(service: str, url: str) -> None:
    """Raise `alembic.util.CommandError` when the tables in the database differ from the service's declared tables."""
    with_connection(url, lambda connection: run_command(service, connection, command.check))


def head(service: str) -> str:
    """The newest revision this program knows."""
    return str(ScriptDirectory.from_config(alembic_config(service)).get_current_head())


def current(service: str, url: str) -> str | None:
    """The revision the database is at; None when it has no tables. Never creates a database file."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).exists():
        return None
    return with_connection(url, lambda connection: MigrationContext.configure(connection).get_current_revision())


def check_current(service: str, url: str) -> Refusal | None:
    """Whether a service may start on this database: None, or what to do first."""
    try:
        found = current(service, url)
    except Refused as refused:
        return refused.refusal
    newest, name = head(service), _COMMANDS[service]
    if found == newest:
        return None
    if found is None:
        return refuse(SCHEMA_MISSING, command=name)
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config(service)).walk_revisions()}
    code = SCHEMA_BEHIND if found in known else SCHEMA_UNKNOWN
    return refuse(code, current=found, head=newest, command=name)


def check_sound(url: str) -> Refusal | None:
    """Whether the file of an SQLite database holds together: None, or DELIVERY_STORE_DAMAGED. PostgreSQL looks after its own.

    A bit that is wrong in a plain value leaves the structure as it is and is not seen here; personal values and the audit log are sealed or
    chained, so it is seen when they are read.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return None
    try:
        found = with_connection(url, lambda connection: connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    except Refused as refused:
        return refused.refusal
    return None if found == "ok" else refuse(STORE_DAMAGED, where=make_url(url).database, reason="its pages do not fit together")


def run_command(service: str, connection: Connection, action: Callable[[Config], None]) -> None:
    """Run one of alembic's commands for `service` on an open connection."""
    config = alembic_config(service)
    config.attributes["connection"] = connection
    action(config)


def with_connection(url: str, action: Callable[[Connection], R]) -> R:
    """Run `action` on a connection of its own. Alembic is synchronous, so PostgreSQL gets a loop of its own on a thread of its own."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        try:
            with sqlite_engine(str(parsed.database)).connect() as connection:
                return action(connection)
        except DBAPIError as error:
            raise unavailable(error) from error
    with ThreadPoolExecutor(1, thread_name_prefix="migrate") as thread:
        return thread.submit(lambda: asyncio.run(_on_postgresql(parsed, action))).result()


async def _on_postgresql(url: URL, action: Callable[[Connection], R]) -> R:
    from .postgresql import postgresql_engine, reported  # the driver is loaded only where it is used

    engine = postgresql_engine(url, lock_timeout=LOCK_TIMEOUT, statement_timeout=STATEMENT_TIMEOUT)
    try:
        async with reported(), engine.connect() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
            await connection.commit()
            return await connection.run_sync(action)
    finally:
        await engine.dispose()
