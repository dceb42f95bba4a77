"""`python -m twelve333.cli` is the `twelve333` command."""

from .main import run

run()
