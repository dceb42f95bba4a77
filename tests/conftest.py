"""Fixtures for all suites come from `tests.support`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How fast examples come says something about the machine, which others use too, and nothing about the rule.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples at every run, so that a commit passes everywhere or nowhere; new ones are looked for on purpose:
# `make test ARGS="--hypothesis-profile=explore --hypothesis-seed=7"`.
settings.register_profile("twelve333", settings.get_profile("explore"), derandomize=True)
settings.load_profile("twelve333")

pytest_plugins = [
    "tests.support.typed",  # before those that import it
    "tests.support.broker",
    "tests.support.federation",
    "tests.support.leftovers",
    "tests.support.ports",
    "tests.support.postgres",
]
