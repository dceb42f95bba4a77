"""One suite, both databases: every test here runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from twelve333.adapters.sql import Database, migrate, open_database


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'node.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def url(empty_url: str) -> str:
    """The URL of a node's database, migrated."""
    migrate.upgrade("province_node", empty_url)
    return empty_url


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A node's database."""
    opened = open_database(url)
    yield opened
    await opened.close()
