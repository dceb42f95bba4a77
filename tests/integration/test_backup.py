"""`hub backup`, `node backup` and `restore` as an operator types them; and a restored hub whose directory nodes still accept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from national_hub.backup import service
from national_hub.context import HubContext
from national_hub.handlers.directory import reconcile, republish
from national_hub.restored import COUNTED_FROM, VERSIONS_SKIPPED
from national_hub.store import delivery_of
from national_hub.store import registration as store
from tests.support.federation import cli, one_federation
from twelve333.adapters.signing.trust import Trust
from twelve333.adapters.sql import migrate, open_database
from twelve333.adapters.sql.backup import backup, restore
from twelve333.cli.demo.federation import Federation
from twelve333.core.ids import HUB
from twelve333.core.registration.model import JoinToken

START = datetime(2024, 3, 1, tzinfo=UTC)


@one_federation
async def test_a_running_member_is_backed_up_and_not_restored_over(federation: Federation, tmp_path: Path) -> None:
    for kind, member, province in (("hub", federation.hub, HUB), ("node", federation.nodes["230000"], "230000")):
        file, config = tmp_path / f"{kind}.backup", member.folder / f"{kind}.toml"
        made = cli(kind, "backup", file, "--config", config, "--json")
        assert made.code == 0, made.err
        about = json.loads(made.out)
        assert (about["member"], about["revision"]) == (province, migrate.head("national_hub" if kind == "hub" else "province_node"))
        assert about["rows"] > 366 or kind == "node"
        refused = cli(kind, "restore", file, "--config", config, "--replace")
        assert refused.code == 1 and "DELIVERY_BACKUP_TARGET_IN_USE" in refused.err
        assert await member.ready()
        elsewhere = {"TWELVE333_DATABASE__URL": f"sqlite:///{tmp_path / kind}.db"}
        restored = cli(kind, "restore", file, "--config", config, "--json", env=elsewhere)
        assert restored.code == 0, restored.err
        assert json.loads(restored.out)["epoch"] > about["epoch"]
        again = cli(kind, "restore", file, "--config", config, env=elsewhere)
        assert again.code == 1 and "DELIVERY_BACKUP_TARGET_NOT_EMPTY" in again.err


async def test_the_directory_of_a_restored_hub_goes_on_beyond_what_was_lost(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    migrate.upgrade("national_hub", url)
    database, outbox = open_database(url), delivery_of(HUB).outbox
    moment = START + timedelta(hours=1)
    parts = {"database": database, "outbox": outbox, "clock": lambda: moment, "documents": Ed25519PrivateKey.generate()}
    authority = SimpleNamespace(trust=Trust((), ()))
    hub = cast("HubContext", SimpleNamespace(**parts, authority=authority, sealing_key=lambda: b""))
    await database.write(lambda tx: outbox.begin_epoch(tx, START))
    assert await database.write(lambda tx: republish(hub, tx, moment)) == 1
    await reconcile(hub)
    assert await database.read(_version) == 1  # nothing was restored
    await database.write(lambda tx: outbox.begin_epoch(tx, moment + timedelta(days=1)))
    moment += timedelta(days=2)
    await reconcile(hub)
    beyond = int((moment - COUNTED_FROM).total_seconds())
    assert await database.read(_version) == beyond > 1 + VERSIONS_SKIPPED
    await reconcile(hub)
    assert await database.write(lambda tx: republish(hub, tx, moment)) == beyond + 1
    await database.close()


async def test_tokens_of_before_a_restore_are_void_because_nobody_knows_which_were_used(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path / 'hub.db'}", tmp_path / "hub.backup"
    migrate.upgrade("national_hub", url)
    database, now = open_database(url), START + timedelta(days=1)
    kept = JoinToken("aa", "350000", now + timedelta(days=7)), JoinToken("bb", "360000", now + timedelta(days=7), "ef" * 32)
    await database.write(lambda tx: [store.add_token(tx, token) for token in kept])
    await database.write(lambda tx: delivery_of(HUB).outbox.begin_epoch(tx, START))
    await backup(database, service(), file, START)
    await database.close()
    await restore(file, url, service(), now, replace=True)
    database = open_database(url)
    unused, used = [await database.read(lambda tx, one=token: store.load_token(tx, one.secret_sha256)) for token in kept]
    await database.close()
    assert unused is not None and unused.expires_at == now
    assert used == kept[1], "whoever used it may still ask again with the same key"


def _version(tx: Connection) -> int:
    row = store.load_directory(tx)
    return row.version if row else 0
