"""How much of the country is covered? The report per province, from the hub or from any node's own replica.

    python examples/coverage_report.py DIR/hub/profiles/operator

DIR is a federation kept by `twelve333 demo --keep DIR` and started again as examples/README.md says.
"""

from __future__ import annotations

import sys

from twelve333.client import SyncConnection
from twelve333.core.coverage.report import percent


def main(profile: str) -> None:
    """Print units, open units and units with a system per province, then the total and what is short of the targets."""
    with SyncConnection.open_profile(profile) as service:
        report = service.run(service.connection.coverage.report())  # typed; `service.coverage.report()` does the same
    for line in (*report.provinces, report.total):
        print(line.province or "total", line.units, line.open, line.with_system, f"{percent(line.open, line.units)} %", sep="\t")
    print(f"short of the targets: {report.short_of_open} open, {report.short_of_with_system} with a system")


if __name__ == "__main__":
    main(*sys.argv[1:])
