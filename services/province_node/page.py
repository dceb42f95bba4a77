"""The consultant's page of this node: the library as a desk may read it, in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from twelve333.adapters.library_reading import LibraryReading
from twelve333.adapters.page import Page, start_page
from twelve333.adapters.rpc.access import Access, Admission
from twelve333.core.identity import local_domain
from twelve333.data import provinces

from .access import DESK
from .context import NodeContext


async def start_library_page(stack: AsyncExitStack, node: NodeContext, reading: LibraryReading, admission: Admission) -> None:
    """Serve the page where the settings say, if they do; to whom the desk listener admits.

    Raises:
        Refused: RPC_ADDRESS_IN_USE.
    """
    address, names = node.settings.listen.page, provinces()
    if address is None:
        return
    access = Access(DESK, local_domain(node.province), admission)

    def regions() -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
        """Our own units first, the province itself at the head; then the other provinces."""
        units = node.directory.current.units
        own = [(unit.code, unit.name) for unit in units if unit.province == node.province and unit.code != node.province]
        others = [(code, name) for code, name in names.items() if code != node.province]
        return [("本省", [(node.province, names[node.province]), *own]), ("外省", others)]

    page = Page(reading, access, node.clock, (node.province, names[node.province]), regions)
    await start_page(stack, page, address, node.settings.pki_directory / "desk")
