"""`twelve333 library verify`: is the node's copy still what was signed?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from .common import Common, connect, titled
from .output import print_json, show, show_one

COLUMNS = ("entry_id", "part", "repaired")


async def verify(*, repair: Annotated[bool, Parameter(negative="")] = False, member: str = "", common: Common = Common()) -> int:
    """Read every entry of this node with its row and index, and compare it with the signed release; exit code 5 if something is damaged.

    A difference is found with less than 2 KB over the wire, whatever the size of the library.

    Args:
        repair: mend what is damaged, from the hub or, while it is away, from another province.
        member: ask only this one: hub or a province code.
    """
    async with connect(common) as node:
        found = await node.library_check.check(repair=repair, member=member)
    row = {**asdict(found), "damaged": len(found.damaged), "repaired": sum(one.repaired for one in found.damaged)}
    damaged = [asdict(one) for one in found.damaged]
    if common.json:
        print_json({**row, "damaged": damaged})
    else:
        show_one(row, as_json=False)
        if damaged:
            show(damaged, COLUMNS, as_json=False, title=titled("DAMAGED", common, count=len(damaged)))
    return 0 if all(one.repaired for one in found.damaged) else 5
