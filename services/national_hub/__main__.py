"""`python -m national_hub` is `twelve333 hub`."""

from __future__ import annotations

import sys

from twelve333.cli.main import main

sys.exit(main(["hub", *sys.argv[1:]]))
