"""Which units of a province are open? Asks the hub, in a script without `async`.

    python examples/list_units.py DIR/hub/profiles/operator 350000

DIR is a federation kept by `twelve333 demo --keep DIR` and started again as examples/README.md says.
"""

from __future__ import annotations

import sys

from twelve333.client import SyncConnection
from twelve333.core.registration.model import UnitStatus


def main(profile: str, province: str) -> None:
    """Print code, name and status of each unit, and how many are open."""
    with SyncConnection.open_profile(profile) as hub:
        units = hub.registration.list_units(province)
    for unit in units:
        print(unit.code, unit.name, unit.status.value, sep="\t")
    print(f"{sum(unit.status is UnitStatus.OPEN for unit in units)} of {len(units)} open")


if __name__ == "__main__":
    main(*sys.argv[1:])
