"""Hub and nodes on PostgreSQL do the same job as on SQLite: migrated by command, real processes, nothing lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.canaries import hits
from tests.support.federation import one_federation
from tests.support.postgres import Cluster
from twelve333.cli.demo.cases import reached
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import everybody_has_directory, until
from twelve333.cli.library_files import sample_entries as sample_library
from twelve333.cli.unit import sample_entries
from twelve333.core.cases.model import State
from twelve333.core.routing.handoff import Handoff
from twelve333.core.routing.machine import HandoffState

pytestmark = [one_federation, pytest.mark.timeout(180)]
MEMBERS = ("hub", "320000", "350000")
SUMMARY, QUESTION = "甄金丝雀被欠薪三个月", "甄金丝雀问档案"


@pytest_asyncio.fixture
async def federation(tmp_path: Path, postgres_cluster: Cluster) -> AsyncIterator[Federation]:
    """Hub and two nodes, each on a database of its own in one cluster."""
    databases = {member: postgres_cluster.create_database() for member in MEMBERS}
    made = Federation(tmp_path, lambda *_args, **_params: None, databases=databases)
    try:
        await made.start_hub()
        await made.add_nodes(MEMBERS[1:])
        yield made
    finally:
        await made.stop()
        for url in databases.values():
            postgres_cluster.drop_database(url)


async def test_the_main_job_runs_on_postgresql(federation: Federation, postgres_cluster: Cluster) -> None:
    assert not list(federation.folder.rglob("*.db")), "a member fell back to SQLite"
    async with federation.hub.connect() as hub:
        _, version = await hub.registration.register_units(sample_entries())
        published = await hub.library.publish(sample_library(), strict=True)
    await everybody_has_directory(federation, version)
    async with federation.nodes["320000"].connect() as jiangsu, federation.nodes["350000"].connect() as fujian:

        async def copied() -> bool:
            status = await fujian.registration.node_status()
            return published.release is not None and status.library_release == published.release.number

        await until("library", copied)
        assert (await fujian.library.search("工伤")).total > 0
        placed = list[Handoff]()

        async def accepted_in_time() -> bool:
            """On a machine that others use, the first may not be."""
            placed.append((await jiangsu.handoffs.place("320100", "350100", topic="09", context={"question": QUESTION})).handoff)
            return placed[-1].state is HandoffState.ACCEPTED

        await until("a handoff accepted", accepted_in_time)
        assert placed[-1].unit == "350100"
        assert (await fujian.handoffs.get(placed[-1].call.id)).context == {"question": QUESTION}
        case = await jiangsu.cases.open("320100", topic="0601", region="350100", summary=SUMMARY)
        await jiangsu.cases.transfer(case, "350100")
        accepted = await fujian.cases.accept(await reached(fujian, case.case_id, State.OFFERED))
    async with federation.hub.connect() as hub:
        assert (await reached(hub, case.case_id, State.ACCEPTED)).owner == accepted.owner
    files = [*hits(postgres_cluster.data, [SUMMARY, QUESTION]), *hits(federation.folder, [SUMMARY, QUESTION])]
    assert files == []  # tables, and the server's own log of writes
    assert hits(postgres_cluster.data, [case.case_id])
