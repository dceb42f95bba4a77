"""The consultant's page of this node: the library as a desk may read it, in a browser."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack

from twelve333.adapters.library_reading import LibraryReading
from twelve333.adapters.page import Page, start_page
from twelve333.adapters.rpc.access import Access, Admission
from twelve333.api.registration.v1.registration_pb2 import Unit
from twelve333.core.identity import local_domain
from twelve333.core.ids import province_of
from twelve333.data import provinces

from .access import DESK
from .context import NodeContext


def regions(home: str, units: Iterable[Unit]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Where callers come from, as groups of codes and names: our own province with all its units, then the other provinces.

    Args:
        home: code of the province or city whose node this is; the first of all.
        units: of the directory.
    """
    names, own = provinces(), {unit.code: unit.name for unit in units if unit.province == province_of(home)}
    at_home = {home: own.get(home, home), province_of(home): "", **own}
    shown = [(code, names.get(code, name)) for code, name in at_home.items()]
    return [("本省", shown), ("外省", [(code, name) for code, name in names.items() if code not in at_home])]


async def start_library_page(stack: AsyncExitStack, node: NodeContext, reading: LibraryReading, admission: Admission) -> None:
    """Serve the page where the settings say, if they do; to whom the desk listener admits.

    Raises:
        Refused: RPC_ADDRESS_IN_USE.
    """
    address = node.settings.listen.page
    if address is None:
        return
    access = Access(DESK, local_domain(node.province), admission)
    page = Page(reading, access, node.clock, node.province, lambda: regions(node.province, node.directory.current.units))
    await start_page(stack, page, address, node.settings.pki_directory / "desk")
