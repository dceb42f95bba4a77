"""The hub and the two nodes of `proposals_stage`, on SQLite; on PostgreSQL where a test says so. The `World` of `tests.support.library`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.integration.library.proposals_stage import FUJIAN, JIANGXI, START, Library, Member, member_of
from tests.support.library import World
from tests.support.members import Federation as Certificates
from tests.support.postgres import Cluster

from national_hub.store import delivery_of as hub_delivery
from national_hub.store import metadata as hub_metadata
from province_node.store import delivery_of as node_delivery
from province_node.store import metadata as node_metadata
from twelve333.adapters.sql import open_database
from twelve333.adapters.sql.library_tables import create_index
from twelve333.core.identity import hub_identity, node_identity
from twelve333.core.ids import HUB


@pytest.fixture(params=["sqlite", "postgresql"])
def both_urls(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Where a hub and a node keep their databases, on each kind of database; empty: the usual place."""
    if request.param == "sqlite":
        yield ["", ""]
        return
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    made = [cluster.create_database() for _ in range(2)]
    yield made
    for url in made:
        cluster.drop_database(url)


@pytest.fixture
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    names = (HUB, FUJIAN, JIANGXI)
    if getattr(request, "param", "sqlite") == "sqlite":
        yield {name: f"sqlite:///{tmp_path / name}.db" for name in names}
        return
    cluster = request.getfixturevalue("postgres_cluster")
    made = {name: cluster.create_database() for name in names}
    yield made
    for url in made.values():
        cluster.drop_database(url)


@pytest.fixture
async def library(urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Library]:
    certificates, minutes = Certificates.create(tmp_path / "pki"), count(1)

    def clock() -> datetime:
        return START + timedelta(minutes=next(minutes))

    async with AsyncExitStack() as stack:
        members: dict[str, Member] = {}
        for name, url in urls.items():
            database = open_database(url)
            stack.push_async_callback(database.close)
            await database.write((hub_metadata if name == HUB else node_metadata).create_all)
            await database.write(create_index)
            delivery = hub_delivery(HUB) if name == HUB else node_delivery(name)
            await database.write(lambda tx, one=delivery: one.outbox.begin_epoch(tx, START))
            folder = certificates.certify(hub_identity() if name == HUB else node_identity(name))
            members[name] = await member_of(name, database, delivery, folder, clock)
        yield Library(members)


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.create(tmp_path_factory.mktemp("library-pki"))


@pytest.fixture
async def world(tmp_path: Path, authorities: Certificates) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(tmp_path, stack, authorities)
