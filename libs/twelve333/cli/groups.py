"""The groups of commands, each imported only when somebody asks for it: a command starts in half the time of all of them.

`twelve333.cli.groups:unit` is the group `unit`. The services' own groups (`hub`, `node`, `token`) come through the entry point group
`twelve333.commands`, so the command works without them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from cyclopts import App

from ..core.decision import Refused, refuse
from .common import EXTRA_MISSING

# The module with the group's `app`, then those that hang further commands in with it.
PARTS: Final = {
    "demo": ("demo",),
    "unit": ("unit", "unit_life", "unit_verify"),
    "coverage": ("coverage",),
    "route": ("route",),
    "queue": ("queue",),
    "handoff": ("handoff", "handoff_live"),
    "callback": ("callback",),
    "library": ("library",),
    "case": ("case",),
    "audit": ("audit",),
    "doctor": ("doctor",),
    "simulate": ("simulate.command",),
}
SERVICES: Final = "twelve333.commands"
EXTRAS: Final = {"token": "hub"}  # groups that are not named as the extra that brings them


def names() -> list[str]:
    """All groups, in the order of help."""
    return [*PARTS, *sorted(point.name for point in entry_points(group=SERVICES))]


def __getattr__(name: str) -> App:
    if name in PARTS:
        first, *_ = [import_module(f".{part}", __package__) for part in PARTS[name]]
        group: App = first.app
        return group
    for point in entry_points(group=SERVICES, name=name):
        try:
            service: App = point.load()
        except ModuleNotFoundError:
            return not_installed(name, EXTRAS.get(name, name))
        return service
    raise AttributeError(name)


def not_installed(name: str, extra: str) -> App:
    """Stands in for the group `name` while the extra that brings it is missing."""
    group = App(name=name, help=f"Not installed here: `pip install 'twelve333[{extra}]'` adds it.", help_flags=[], version_flags=[])

    @group.default
    def say(*_: str) -> None:
        raise Refused(refuse(EXTRA_MISSING, extra=extra))

    return group
