"""The `twelve333` command: puts the groups together and turns every failure into one sentence and an exit code.

The services' own groups (`hub`, `node`) come through the entry point group `twelve333.commands`, so the command works without them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from cyclopts import App, CycloptsError

from .. import __version__
from ..catalogue.catalogue import sentence
from ..client.connection import ServiceError
from ..core.decision import Kind, Refused, refuse
from . import audit, callback, case, coverage, demo, doctor, handoff, handoff_live, library, queue, route, unit, unit_life, unit_verify
from .common import EXTRA_MISSING, locale_of
from .output import complain
from .simulate import command as simulate

INTERRUPTED: Final = 130
EXTRAS: Final = {"token": "hub"}  # groups that are not named as the extra that brings them
EXIT_CODES: Final = {Kind.INVALID: 2, Kind.TIMED_OUT: 3, Kind.DENIED: 4, Kind.UNAUTHENTICATED: 4}
EPILOGUE: Final = (
    "Exit codes: 0 done, 1 failed, 2 wrong use, 3 timed out, 4 not allowed, 5 a check failed, 8 pending. "
    "Every listing takes --json. Where to connect and as whom is a profile folder: --profile DIR or TWELVE333_PROFILE."
)

app = App(
    name="twelve333",
    version=__version__,
    help="Joins the 12333 hotlines of a country: coverage, call handoff, resource library, cases. Start with `twelve333 demo`.",
    help_epilogue=EPILOGUE,
    help_format="markdown",
    suppress_keyboard_interrupt=False,
)
_ = handoff_live, unit_life, unit_verify  # hang their commands in with those of `handoff` and `unit`
for group in (demo, unit, coverage, route, queue, handoff, callback, library, case, audit, doctor, simulate):
    app.command(group.app)
app.register_install_completion_command()


@cache  # once a process, however often the command is run in it
def add_service_groups() -> None:
    """Hang in the groups of the services; one whose packages are not installed says how to get them."""
    for point in sorted(entry_points(group="twelve333.commands"), key=lambda each: each.name):
        try:
            service: App = point.load()
        except ModuleNotFoundError:
            service = not_installed(EXTRAS.get(point.name, point.name))
        app.command(service, name=point.name)


def not_installed(name: str) -> App:
    """Stands in for the group `name` while the extra of that name is missing."""
    group = App(help=f"Not installed here: `pip install 'twelve333[{name}]'` adds it.", help_flags=[], version_flags=[])

    @group.default
    def say(*_: str) -> None:
        raise Refused(refuse(EXTRA_MISSING, extra=name))

    return group


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: without the program's name; those of the process if None.
    """
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in tokens
    locale = locale_of(tokens)
    add_service_groups()
    try:
        result = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        complain("USAGE", str(error), as_json=as_json)
        return EXIT_CODES[Kind.INVALID]
    except Refused as refused:
        refusal = refused.refusal
        details = [sentence(each.code.name, each.params, locale) for each in refusal.violations]
        complain(refusal.code.name, sentence(refusal.code.name, refusal.params, locale), details, as_json=as_json)
        return EXIT_CODES.get(refusal.code.kind, 1)
    except ServiceError as error:
        complain(error.code, error.sentence, [str(each) for each in error.violations], as_json=as_json)
        return EXIT_CODES.get(error.kind, 1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        complain("INTERRUPTED", sentence("CLI_INTERRUPTED", {}, locale), as_json=as_json)
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    return result if isinstance(result, int) else 0


def run() -> None:
    """The console script."""
    sys.exit(main())
