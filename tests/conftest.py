"""Fixtures for all suites come from `tests.support`."""

from __future__ import annotations

pytest_plugins = [
    "tests.support.broker",
    "tests.support.federation",
    "tests.support.leftovers",
    "tests.support.ports",
    "tests.support.postgres",
]
