"""A city with a node of its own has the consultant's page too: its own name at the head, its province and the others below."""

from __future__ import annotations

import shutil
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import MetaData
from tests.integration.library.test_page import LAW, NOW, Served, filled
from tests.support.members import Federation as Authorities

from province_node.page import regions, start_library_page
from twelve333.adapters.library_reading import LibraryReading
from twelve333.adapters.processes import free_ports
from twelve333.adapters.sql import open_database
from twelve333.adapters.sql.library_tables import library_tables
from twelve333.api.registration.v1.registration_pb2 import Directory, Unit
from twelve333.core.identity import desk_identity, local_node_identity

CITY, PROVINCE = "230100", "230000"
UNITS = (
    Unit(code=CITY, name="哈尔滨市", province=PROVINCE),
    Unit(code="230200", name="齐齐哈尔市", province=PROVINCE),
    Unit(code="350100", name="福州市", province="350000"),
)


def test_callers_come_from_the_node_s_own_place_first() -> None:
    home, others = regions(CITY, UNITS)
    assert home == ("本省", [(CITY, "哈尔滨市"), (PROVINCE, "黑龙江"), ("230200", "齐齐哈尔市")])
    assert ("350000", "福建") in others[1]
    assert PROVINCE not in dict(others[1])
    assert regions(PROVINCE, UNITS)[0] == ("本省", [(PROVINCE, "黑龙江"), (CITY, "哈尔滨市"), ("230200", "齐齐哈尔市")])


def test_a_city_is_its_code_until_the_directory_has_come() -> None:
    assert regions(CITY, ())[0] == ("本省", [(CITY, CITY), (PROVINCE, "黑龙江")])


async def test_a_city_s_node_serves_its_page(tmp_path: Path) -> None:
    tables, database = library_tables(MetaData()), open_database(f"sqlite:///{tmp_path / 'library.db'}")
    await database.write(partial(filled, tables=tables, entries=[LAW]))
    authorities, address = Authorities.create(tmp_path / "authorities"), f"127.0.0.1:{free_ports(1)[0]}"
    shutil.copytree(authorities.certify(local_node_identity(CITY)), tmp_path / "pki" / "desk")
    settings = SimpleNamespace(listen=SimpleNamespace(page=address), pki_directory=tmp_path / "pki")
    directory = SimpleNamespace(current=Directory(units=UNITS))
    node = cast("Any", SimpleNamespace(province=CITY, settings=settings, directory=directory, clock=lambda: NOW))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await start_library_page(stack, node, LibraryReading(database, tables, lambda: NOW, home=CITY), lambda caller, shown: None)
        served = Served(address, authorities, set())
        status, text, _ = await served.get("/?q=工伤", authorities.certify(desk_identity(CITY, "desk-1")))
    assert status == 200
    assert "哈尔滨市" in text
    assert "某工伤条例" in text
