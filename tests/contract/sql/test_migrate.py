"""Migrations: run by a command, checked at start, the same tables on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from twelve333.adapters.sql import migrate, open_database
from twelve333.core.delivery.codes import SCHEMA_BEHIND, SCHEMA_MISSING, SCHEMA_UNKNOWN

SERVICES = ("national_hub", "province_node")


@pytest.mark.parametrize("service", SERVICES)
def test_migrated_tables_are_the_declared_ones(service: str, empty_url: str) -> None:
    assert migrate.upgrade(service, empty_url) == migrate.head(service)
    migrate.check_drift(service, empty_url)
    assert migrate.check_current(service, empty_url) is None


@pytest.mark.parametrize("service", SERVICES)
def test_migrating_twice_changes_nothing(service: str, empty_url: str) -> None:
    assert migrate.upgrade(service, empty_url) == migrate.upgrade(service, empty_url) == migrate.current(service, empty_url)


def test_an_empty_database_is_told_to_migrate(empty_url: str) -> None:
    refusal = migrate.check_current("province_node", empty_url)
    assert refusal is not None
    assert refusal.code == SCHEMA_MISSING
    assert refusal.params["command"] == "node"


async def test_a_database_behind_or_ahead_is_told_what_to_do(empty_url: str) -> None:
    migrate.upgrade("national_hub", empty_url)
    database = open_database(empty_url)
    for revision, code in (("0001", SCHEMA_BEHIND), ("9999", SCHEMA_UNKNOWN)):
        await database.write(lambda tx, revision=revision: tx.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": revision}))
        refusal = migrate.check_current("national_hub", empty_url)
        assert refusal is not None
        assert refusal.code == code
    await database.close()


def test_checking_makes_no_database_file(tmp_path: Path) -> None:
    path = tmp_path / "absent.db"
    assert migrate.check_current("province_node", f"sqlite:///{path}") is not None
    assert not path.exists()
