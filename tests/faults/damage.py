"""One flipped bit: in the database, in a personal text, in the audit log, in settings, keys and certificates.

It is noticed and named, and what it touched is not served; everybody else goes on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from twelve333.cli.demo.stage import until
from twelve333.client import Connection, ServiceError
from twelve333.core.cases.model import State
from twelve333.core.decision import Refused

from .crashes import JIANGSU, SHANGHAI
from .load import Load
from .run import Fault
from .stage import Stage

BACKUP: Final = "before-damage.backup"
PAGE_SIZE_AT: Final = 16  # in the header of an SQLite file, two bytes
TABLE: Final = "cases"


def flip(path: Path, at: int) -> None:
    """Flip the lowest bit of one byte."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@asynccontextmanager
async def database(stage: Stage, load: Load) -> AsyncIterator[None]:
    """In the file of a node that is off: it does not start, and says why; restored from its backup, it goes on."""
    node = stage.member(JIANGSU)
    config, path = node.folder / "node.toml", node.folder / "node.db"
    await load.rest(JIANGSU)
    await stage.federation.command("node", "backup", node.folder / BACKUP, "--config", config, member=JIANGSU)
    await node.process.stop()
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (TABLE,)).fetchone()[0]
    size = int.from_bytes(path.read_bytes()[PAGE_SIZE_AT : PAGE_SIZE_AT + 2])
    flip(path, (page - 1) * (65_536 if size == 1 else size))
    await _does_not_start(stage, "DELIVERY_STORE_DAMAGED")
    await load.accepts(6, SHANGHAI)
    await stage.federation.command("node", "restore", node.folder / BACKUP, "--config", config, "--replace", member=JIANGSU)
    await stage.start(JIANGSU)
    load.resume(JIANGSU)
    yield


@asynccontextmanager
async def settings(stage: Stage, load: Load) -> AsyncIterator[None]:
    """In each file that a node starts from: it does not start and names the file; with the file as it was, it goes on."""
    await stage.kill(JIANGSU)
    folder = stage.member(JIANGSU).folder
    federation = folder / "pki" / "federation"
    damaged = [folder / "node.toml", federation / "tls.crt", federation / "tls.key", federation / "ca.crt"]
    # A digit may become another one, or none at all.
    named = {"node.toml": ("listen.gederation",), "documents.pub": ("SECURITY_DOCUMENT_WRONG_KEY", "documents.pub")}
    for path in [*damaged, folder / "pki" / "desk" / "tls.crt", folder / "pki" / "documents.pub", folder / "pki" / "fields.keys"]:
        whole = path.read_bytes()
        flip(path, whole.index(b"federation") if path.suffix == ".toml" else _secret_part(whole))
        await _does_not_start(stage, *named.get(path.name, (path.name,)))
        path.write_bytes(whole)
    await load.accepts(6, SHANGHAI)
    await stage.start(JIANGSU)
    yield


def _secret_part(text: bytes) -> int:
    """A place in the middle of what matters: of the key in a keyring, of the base64 of a PEM file, of hexadecimal digits."""
    mark = b'"key": "'
    return text.index(mark) + len(mark) + 10 if mark in text else len(text) // 2


async def _does_not_start(stage: Stage, *named: str) -> None:
    config = stage.member(JIANGSU).folder / "node.toml"
    try:
        await stage.federation.command("node", "run", "--config", config, member=JIANGSU)
    except Refused as refused:
        assert any(each in str(refused.refusal.params["reason"]) for each in named), refused  # noqa: PT017 - it runs outside of pytest too
    else:
        raise AssertionError(f"it ran although a bit was flipped: {named}")


@asynccontextmanager
async def personal_text(stage: Stage, load: Load) -> AsyncIterator[None]:
    """In what a caller told, while the node runs: that case is refused and named, others are shown; nothing wrong is shown to anybody."""
    path = stage.member(JIANGSU).folder / "node.db"
    async with stage.member(JIANGSU).connect() as node:
        await until("two closed cases", lambda: _closed(node, 2))
        whole, broken = [case.case_id for case in (await node.cases.list(state=State.CLOSED, size=2)).cases]
        with closing(sqlite3.connect(path, timeout=10)) as opened:
            kept = opened.execute("SELECT summary FROM cases WHERE case_id = ?", (broken,)).fetchone()[0]
            middle = len(kept) // 2
            changed = kept[:middle] + chr(ord(kept[middle]) ^ 1) + kept[middle + 1 :]
            _set(opened, "UPDATE cases SET summary = ? WHERE case_id = ?", changed, broken)
            try:
                shown = await node.cases.get(broken)
            except ServiceError as error:
                assert error.code == "SECURITY_FIELD_TAMPERED", error  # noqa: PT017 - it runs outside of pytest too
            else:
                raise AssertionError(f"a changed text was shown: {len(shown.history)} steps")
            assert (await node.cases.get(whole)).history
            await load.accepts(4)
            _set(opened, "UPDATE cases SET summary = ? WHERE case_id = ?", kept, broken)
    yield


async def _closed(node: Connection, count: int) -> bool:
    return (await node.cases.list(state=State.CLOSED, size=count)).total >= count


@asynccontextmanager
async def audit_log(stage: Stage, load: Load) -> AsyncIterator[None]:
    """In one record, while the node runs: the check names that record and ends with 5, and work goes on."""
    path = stage.member(JIANGSU).folder / "node.db"
    profile = stage.member(JIANGSU).profile
    with closing(sqlite3.connect(path, timeout=10)) as opened:
        number, actor = opened.execute("SELECT sequence, actor FROM audit ORDER BY sequence LIMIT 1 OFFSET 3").fetchone()
        changed = actor[:-1] + chr(ord(actor[-1]) ^ 1)
        _set(opened, "UPDATE audit SET actor = ? WHERE sequence = ?", changed, number)
        try:
            await stage.federation.command("audit", "verify", "--profile", profile, member=JIANGSU)
        except Refused as refused:
            assert f"{number}" in str(refused.refusal.params["reason"]), refused  # noqa: PT017 - it runs outside of pytest too
        else:
            raise AssertionError("a changed record passed")
        await stage.federation.command("audit", "verify", "--profile", stage.member(SHANGHAI).profile, member=SHANGHAI)
        await load.accepts(4)
        _set(opened, "UPDATE audit SET actor = ? WHERE sequence = ?", actor, number)
    yield


def _set(opened: sqlite3.Connection, statement: str, *values: object) -> None:
    with opened:
        opened.execute(statement, values)


FAULTS: Final = (
    Fault("bit.audit_log", audit_log),
    Fault("bit.personal_text", personal_text),
    Fault("bit.settings_and_keys", settings),
    Fault("bit.database", database, counting=False),
)
