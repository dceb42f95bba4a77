"""Fixtures for all suites come from `tests.support`."""

from __future__ import annotations

pytest_plugins = ["tests.support.ports", "tests.support.postgres"]
