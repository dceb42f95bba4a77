"""What was typed wrong, in the reader's language, with what may have been meant and where to look it up."""

from __future__ import annotations

from difflib import get_close_matches
from enum import Enum
from typing import Literal, get_args, get_origin

from cyclopts import CycloptsError, MissingArgumentError
from cyclopts.exceptions import CoercionError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError, ValidationError

from ..catalogue.catalogue import sentence


def misuse_words(error: CycloptsError, locale: str) -> str:
    """One sentence about a command line that cannot be understood."""
    said, near = _said(error, locale)
    return f"{said} {sentence('CLI_USAGE_NEAR', {'name': near}, locale)}" if near else said


def _said(error: CycloptsError, locale: str) -> tuple[str, str]:
    command = " ".join(("twelve333", *(error.command_chain or ())))
    name = error.argument.name if error.argument else ""
    tokens, unused = error.argument.tokens if error.argument else [], error.unused_tokens or [""]
    match error:
        case MissingArgumentError():
            kind = "CLI_ARGUMENT_MISSING" if not tokens and not error.keyword else "CLI_USAGE_VALUE_MISSING"
            return sentence(kind, {"name": error.keyword or name, "command": command}, locale), ""
        case UnknownOptionError():
            given = (error.token.keyword or error.token.value).partition("=")[0]
            known = [each for argument in error.argument_collection for each in argument.names]
            return sentence("CLI_USAGE_OPTION", {"value": given, "command": command}, locale), _near(given, known)
        case UnknownCommandError():
            known = [each for each in error.app or () if not each.startswith("-")]
            return sentence("CLI_USAGE_COMMAND", {"value": unused[0], "command": command}, locale), _near(unused[0], known)
        case UnusedCliTokensError():
            return sentence("CLI_USAGE_SUPERFLUOUS", {"value": " ".join(unused), "command": command}, locale), ""
        case CoercionError() if error.token:
            choices = _choices(error.target_type)
            code = "CLI_USAGE_CHOICE" if choices else "CLI_USAGE_VALUE"
            params = {"name": error.token.keyword or name, "value": error.token.value, "choices": ", ".join(choices), "command": command}
            return sentence(code, params, locale), _near(error.token.value, choices)
        case ValidationError() if tokens:
            params = {"name": tokens[0].keyword or name, "value": tokens[0].value, "command": command}
            return sentence("CLI_USAGE_VALUE", params, locale), ""
    return str(error), ""


def _choices(kind: object) -> list[str]:
    if get_origin(kind) is Literal:
        return list(map(str, get_args(kind)))
    names = kind.__members__ if isinstance(kind, type) and issubclass(kind, Enum) else {}
    return [name.lower().replace("_", "-") for name in names]


def _near(given: str, known: list[str]) -> str:
    return next(iter(get_close_matches(given, known, 1)), "")
