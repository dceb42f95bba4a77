"""`twelve333 hub retention` and `node retention`: delete by policy, show it, prove it, hold single cases, on the database itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter

from ..catalogue.catalogue import sentence
from ..core.decision import Refusal, Refused
from ..core.ids import check_id
from .common import Common
from .output import complain, show, show_one

if TYPE_CHECKING:
    from ..adapters.retention import Keeper
    from ..adapters.settings import ServiceSettings
    from ..adapters.sql.audit import AuditLog
    from ..adapters.sql.delivery import Delivery
    from ..adapters.sql.retention import Retention

CHECK_FAILED: Final = 5
REPORTS: Final = 20
Opened = Callable[[Path], "AbstractAsyncContextManager[Keeper]"]


@asynccontextmanager
async def keeper(settings: ServiceSettings, delivery: Delivery, store: Retention, records: AuditLog) -> AsyncIterator[Keeper]:
    """A keeper on the database of a service, which may be running."""
    from ..adapters.clock import system_clock
    from ..adapters.retention import Keeper
    from ..adapters.signing.fields import open_cipher
    from ..adapters.sql.database import open_database

    database = open_database(settings.database_url, open_cipher(settings.fields_keyring, settings.cipher))
    try:
        yield Keeper(settings, database, delivery, store, records.using(settings.digest), system_clock)
    finally:
        await database.close()


def retention_app(opened: Opened, config_file: Path, role: str) -> App:
    """The group, to be hung into a service's own.

    Args:
        opened: makes a keeper from a settings file.
        config_file: its usual name.
        role: in which the audit log names who types these commands.
    """
    app = App(name="retention", help="Deletion of what callers told, by policy and with proof.")
    _add_run(app, opened, config_file, role)
    _add_checks(app, opened, config_file)
    _add_holds(app, opened, config_file, role)
    return app


def _add_run(app: App, opened: Opened, config_file: Path, role: str) -> None:
    @app.command
    async def run(
        *,
        dry_run: Annotated[bool, Parameter(negative="")] = False,
        compact: Annotated[bool, Parameter(negative="")] = False,
        config: Path = config_file,
        common: Common = Common(),
    ) -> None:
        """Delete what is older than the policy allows; the service does so by itself, too, and may be running.

        Args:
            dry_run: only count.
            compact: write the database anew afterwards, so that nothing is left of what was deleted before this version; takes locks.
            config: settings file.
        """
        from ..adapters.retention import BY_COMMAND

        async with opened(config) as kept:
            if dry_run:
                show_one({"would_delete": dict(await kept.overdue())}, as_json=common.json)
                return
            done = await kept.run(BY_COMMAND, role, compact=compact)
        counts: dict[str, int] = {}
        for each in (deleted for run in done.runs for deleted in run.deleted):
            counts[each.kind] = counts.get(each.kind, 0) + each.count
        show_one({"deleted": counts, "reports": [run.digest() for run in done.runs], "erased": done.erased}, as_json=common.json)


def _add_checks(app: App, opened: Opened, config_file: Path) -> None:
    @app.command(name="show")
    async def show_policy(*, config: Path = config_file, common: Common = Common()) -> None:
        """Show the policy, what is overdue, holds and the newest reports.

        Args:
            config: settings file.
        """
        async with opened(config) as kept:
            overdue, days = await kept.overdue(), kept.policy.days
            held, reports = await kept.database.read(lambda tx: (kept.store.held(tx), kept.store.reports(tx, REPORTS)))
        kinds = [{"kind": kind, "days": days[kind], "overdue": overdue[kind]} for kind in overdue]
        if common.json:
            runs = [_report(text) for text in reports]
            show_one({"kinds": kinds, "held": [{**each, "placed_at": _time(each)} for each in held], "runs": runs}, as_json=True)
            return
        show(kinds, ("kind", "days", "overdue"), as_json=False)
        show([{**each, "placed_at": _time(each)} for each in held], ("case_id", "reference", "placed_at"), as_json=False)
        show([_report(text) for text in reports], ("at", "by", "deleted"), as_json=False)

    @app.command
    async def verify(*, config: Path = config_file, common: Common = Common()) -> int:
        """Check that nothing overdue remains, that every report is in the audit log and every such record has its report; 5 if not.

        Whether the audit log itself is whole, `twelve333 audit verify` says.

        Args:
            config: settings file.
        """
        async with opened(config) as kept:
            wrong = await kept.check()
            reports = await kept.database.read(lambda tx: kept.store.reports(tx, 1))
        if wrong:
            return _complain(wrong, common)
        show_one({"verified": True, "last_run": _report(reports[0])["at"] if reports else None}, as_json=common.json)
        return 0


def _add_holds(app: App, opened: Opened, config_file: Path, role: str) -> None:
    @app.command
    async def hold(case_id: str, *, reference: str, config: Path = config_file, common: Common = Common()) -> None:
        """Keep the texts of a case beyond the policy, until released. Other members that know the case decide for themselves.

        Args:
            case_id: which.
            reference: of the file in which the reason stands; nothing personal.
            config: settings file.
        """
        await _held(opened(config), "retention.hold", role, case_id, reference)
        show_one({"case_id": case_id, "held": True}, as_json=common.json)

    @app.command
    async def release(case_id: str, *, config: Path = config_file, common: Common = Common()) -> None:
        """End a hold; the policy then applies from the day the case was closed.

        Args:
            case_id: which.
            config: settings file.
        """
        await _held(opened(config), "retention.release", role, case_id, None)
        show_one({"case_id": case_id, "held": False}, as_json=common.json)


async def _held(opened: AbstractAsyncContextManager[Keeper], action: str, role: str, case_id: str, reference: str | None) -> None:
    """Place or release a hold, and record it."""
    from ..core.audit.model import Entry

    if refusal := check_id(case_id) or (check_id(reference) if reference is not None else None):
        raise Refused(refusal)
    async with opened as kept:
        now = kept.clock()

        def work(tx: Any) -> None:
            store = kept.store
            wrong = store.release(tx, case_id) if reference is None else store.hold(tx, case_id, reference, now)
            if wrong:
                raise Refused(wrong)
            kept.records.append(tx, Entry(now, role, f"{kept.delivery.member}/command", action, case_id))

        await kept.database.write(work)


def _report(text: str) -> dict[str, Any]:
    at, by, kinds = json.loads(text)
    return {"at": at, "by": by, "deleted": {kind: count for kind, count, _before, _ids in kinds}}


def _time(held: dict[str, Any]) -> str:
    return str(held["placed_at"].isoformat(timespec="seconds"))


def _complain(wrong: Refusal, common: Common) -> int:
    complain(wrong.code.name, sentence(wrong.code.name, wrong.params, common.language), [], as_json=common.json)
    return CHECK_FAILED
