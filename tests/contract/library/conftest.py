"""An empty replica on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData
from tests.support.postgres import Cluster

from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql.library_staging import StagingTables, staging_tables
from twelve333.adapters.sql.library_tables import LibraryTables, create_index, library_tables


@pytest.fixture
def tables() -> LibraryTables:
    return library_tables(MetaData())


@pytest.fixture
def staging(tables: LibraryTables) -> StagingTables:
    """Declared before the database is made."""
    return staging_tables(tables.library_entries.metadata)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, tables: LibraryTables, staging: StagingTables
) -> AsyncIterator[Database]:
    cluster: Cluster | None = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    url = cluster.create_database() if cluster else f"sqlite:///{tmp_path / 'library.db'}"
    opened = open_database(url)
    await opened.write(partial(create, tables=tables))
    try:
        yield opened
    finally:
        await opened.close()
        if cluster:
            cluster.drop_database(url)


def create(tx: Connection, tables: LibraryTables) -> None:
    """Make the tables of a replica and its index."""
    tables.library_entries.metadata.create_all(tx)
    create_index(tx)
