"""The `twelve333` command: puts the groups together and turns every failure into one sentence and an exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError

from .. import __version__
from ..catalogue.catalogue import sentence
from ..client.connection import ServiceError
from ..core.decision import FieldViolation, Kind, Refused
from . import groups
from .common import locale_of
from .misuse import misuse_words
from .output import complain

INTERRUPTED: Final = 130
HELP: Final = {"--help", "-h"}
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
for group in groups.names():
    app.command(f"{groups.__name__}:{group}", name=group)
app.register_install_completion_command()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: without the program's name; those of the process if None.
    """
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in tokens
    locale = locale_of(tokens)
    if not tokens or tokens[0] in HELP:
        for name in groups.names():  # their descriptions are in them
            app[name]
    try:
        result = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        complain("USAGE", misuse_words(error, locale), as_json=as_json)
        return EXIT_CODES[Kind.INVALID]
    except Refused as refused:
        refusal = refused.refusal
        details = [_detail(each, locale) for each in refusal.violations]
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


def _detail(violation: FieldViolation, locale: str) -> str:
    """What is wrong with a field, and with which one."""
    text = sentence(violation.code.name, violation.params, locale)
    return text if violation.path in text else f"{violation.path}: {text}"


def run() -> None:
    """The console script."""
    sys.exit(main())
