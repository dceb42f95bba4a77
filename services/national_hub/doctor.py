"""What the hub looks at when it is asked how it is: by itself while it runs, or from its files alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from twelve333.adapters.clock import Clock, system_clock
from twelve333.adapters.doctor import Checks, Looking, broker_connected, broker_greets, common_checks
from twelve333.adapters.doctor import examine_files as examine_files_of
from twelve333.adapters.settings import load
from twelve333.adapters.sql.database import Database, open_database
from twelve333.adapters.sql.delivery import Delivery
from twelve333.adapters.sql.library import held_number
from twelve333.core.decision import Refused
from twelve333.core.doctor.model import Check, Level, finding
from twelve333.core.doctor.rules import judge_clock, judge_directory, judge_library, judge_units
from twelve333.core.ids import HUB
from twelve333.core.registration.freshness import Freshness

from .context import HubContext
from .settings import HubSettings
from .store import delivery_of, library, life, registration

SERVICE: Final = "national_hub"
FOLDERS: Final = ("federation", "enrolment")
STORED: Final = frozenset({"backlog", "clock", "copies", "directory", "library", "units"})


def live_checks(hub: HubContext, delivery: Delivery, connected: Callable[[], bool]) -> Checks:
    """The checks of a hub that runs."""
    return _checks(hub.settings, hub.database, delivery, hub.clock, broker_connected(hub.settings, connected))


async def examine_files(config: Path) -> list[Check]:
    """What can be seen of a hub from its files, whether it runs or not."""
    try:
        settings = load(HubSettings, config)
    except Refused as refused:
        wrong = ", ".join(each.path for each in refused.refusal.violations) or refused.refusal.code.name
        return [finding("configuration", Level.FAILED, "wrong", path=config, settings=wrong)]
    database = open_database(settings.database_url)
    try:
        checks = _checks(settings, database, delivery_of(HUB), system_clock, broker_greets(settings))
        return await examine_files_of(SERVICE, settings, checks, STORED)
    finally:
        await database.close()


def _checks(settings: HubSettings, database: Database, delivery: Delivery, clock: Clock, answers: Looking) -> Checks:
    async def clocks() -> Check:
        """Nobody has the time but the hub; what it wrote down last must not lie ahead of it."""
        row = await database.read(registration.load_directory)
        return judge_clock(min(clock() - row.made_at, timedelta()) if row else None)

    async def directories() -> Check:
        row = await database.read(registration.load_directory)
        return judge_directory(Freshness.FRESH if row else None, row.version if row else 0, row.made_at if row else None)

    async def releases() -> Check:
        return judge_library(await database.read(lambda tx: held_number(tx, library.tables)), None)

    async def units() -> Check:
        known, pending = await database.read(registration.load_units), await database.read(life.load_pending)
        return judge_units([unit.code for unit in known if unit.silent_since], len(pending))

    common = common_checks(SERVICE, settings, database, delivery, clock, FOLDERS, answers)
    return {**common, "clock": clocks, "directory": directories, "library": releases, "units": units}
