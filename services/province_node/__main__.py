"""`python -m province_node` is `twelve333 node`."""

from __future__ import annotations

import sys

from twelve333.cli.main import main

sys.exit(main(["node", *sys.argv[1:]]))
