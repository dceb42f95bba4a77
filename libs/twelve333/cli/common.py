"""What the commands share: where to connect and as whom, the language, the time limit."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from ..catalogue.catalogue import sentence
from ..client.connection import Connection
from ..core.decision import Code, Kind, Refused, refuse
from ..core.worktime.model import CHINA

PROFILE_MISSING: Final = Code("CLI_PROFILE_MISSING", Kind.INVALID)
FILE_UNREADABLE: Final = Code("CLI_FILE_UNREADABLE", Kind.INVALID)
FILE_NOT_TEXT: Final = Code("CLI_FILE_NOT_TEXT", Kind.INVALID)
FILE_UNWRITABLE: Final = Code("CLI_FILE_UNWRITABLE", Kind.INVALID)
EXTRA_MISSING: Final = Code("CLI_EXTRA_MISSING", Kind.UNAVAILABLE)

REQUEST_SECONDS: Final = 10.0
PENDING: Final = 8  # the exit code of what would change something, or is not done yet
COUNT_MAX: Final = 2**31 - 1  # of what travels
Locale = Literal["en", "zh"]
Count = Annotated[int, Parameter(validator=Number(gte=0, lte=COUNT_MAX))]
Port = Annotated[int, Parameter(validator=Number(gte=0, lte=65_535))]
Seconds = Annotated[float, Parameter(validator=Number(gt=0, lte=86_400))]
OptionalInput = Annotated[Path | None, Parameter(allow_leading_hyphen=True)]  # a file to read; `-` is standard input
InputFile = Annotated[Path, Parameter(name=["--file", "-f"], allow_leading_hyphen=True)]
OptionalInputFile = Annotated[Path | None, Parameter(name=["--file", "-f"], allow_leading_hyphen=True)]


@Parameter(name="*")
@dataclass(frozen=True)
class Asked:
    """Options of every command, for those whose time limit is their own.

    Args:
        profile: folder with `profile.toml` (address, member) and the certificate to connect with.
        json: print one JSON document instead of a table.
        locale: language of what is printed, `en` or `zh`; from LC_ALL or LANG if absent.
    """

    profile: Annotated[Path | None, Parameter(env_var="TWELVE333_PROFILE")] = None
    json: Annotated[bool, Parameter(negative="")] = False
    locale: Annotated[Locale | None, Parameter(env_var="TWELVE333_LOCALE")] = None

    @property
    def language(self) -> Locale:
        """The language to print in."""
        return self.locale or locale_of([])


@Parameter(name="*")
@dataclass(frozen=True)
class Common(Asked):
    """Options that every command takes.

    Args:
        timeout: seconds that one request may take.
    """

    timeout: Seconds = REQUEST_SECONDS


def titled(what: str, asked: Asked, **values: object) -> str:
    """What stands above a table, in the reader's language.

    Args:
        what: of the codes `CLI_TITLE_…`.
        asked: for the language.
        values: named in the text.
    """
    return sentence(f"CLI_TITLE_{what}", values, asked.language)


def locale_of(tokens: Sequence[str]) -> Locale:
    """The language from `--locale`, else TWELVE333_LOCALE, LC_ALL or LANG, else English."""
    for index, token in enumerate(tokens):
        if token.startswith("--locale"):
            said = token.partition("=")[2] or "".join(tokens[index + 1 : index + 2])
            return "zh" if said.startswith("zh") else "en"
    chosen = next((os.environ[name] for name in ("TWELVE333_LOCALE", "LC_ALL", "LANG") if os.environ.get(name)), "")
    return "zh" if chosen.startswith("zh") else "en"


def connect(common: Asked) -> Connection:
    """A connection to the service that the profile names; use it with `async with`.

    Raises:
        Refused: no profile is named, or its files are missing or do not belong together.
    """
    if common.profile in (None, Path()):  # an empty variable is no profile
        raise Refused(refuse(PROFILE_MISSING))
    timeout = common.timeout if isinstance(common, Common) else REQUEST_SECONDS
    return Connection.open_profile(common.profile, locale=common.language, timeout=timeout)


def profile_text(address: str, member: str) -> str:
    """The content of a `profile.toml`."""
    return f'# Where to connect: host:port, and the member that must answer there.\naddress = "{address}"\nmember = "{member}"\n'


def start_of(day: date | None) -> datetime | None:
    """The first instant of a day in Chinese official time."""
    return datetime.combine(day, time(), CHINA) if day else None


def read_text(path: Path, encodings: Sequence[str] = ("utf-8",)) -> str:
    """Read a file that a person named, `-` for standard input.

    Args:
        path: of the file.
        encodings: tried in turn.

    Raises:
        Refused: CLI_FILE_UNREADABLE, CLI_FILE_NOT_TEXT.
    """
    try:
        # Not /dev/stdin: it cannot be opened when standard input is a socket, as under ssh or another program.
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise Refused(refuse(FILE_UNREADABLE, path=path, reason=_reason(error))) from error
    for encoding in encodings:
        with suppress(UnicodeDecodeError):
            return content.decode(encoding).replace("\r\n", "\n")
    raise Refused(refuse(FILE_NOT_TEXT, path=path))


def write_text(path: Path, text: str) -> None:
    """Write a file that a person named, whole or not at all.

    Raises:
        Refused: CLI_FILE_UNWRITABLE.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise Refused(refuse(FILE_UNWRITABLE, path=path, reason=_reason(error))) from error


def _reason(error: OSError) -> str:
    return error.strerror or "cannot be opened"
