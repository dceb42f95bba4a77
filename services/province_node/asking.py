"""Where a join token comes from: a file, a pipe, or the person at the terminal; never an argument that every user can read."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from twelve333.adapters.signing.tokens import parse_token, read_token
from twelve333.catalogue.catalogue import sentence
from twelve333.cli.common import Common, read_text
from twelve333.core.decision import Refused, refuse
from twelve333.core.registration import codes


def token_from(file: Path | None, common: Common) -> str:
    """Read the token.

    Args:
        file: as the person named it, `-` for standard input, None to be asked for.
        common: the language to ask in.

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_TOKEN_MALFORMED; REGISTRATION_TOKEN_MISSING where nobody can be asked.
    """
    if file is None:
        if not sys.stdin.isatty():
            raise Refused(refuse(codes.TOKEN_MISSING))
        return parse_token(getpass.getpass(sentence("REGISTRATION_TOKEN_PROMPT", {}, common.language)))
    return parse_token(read_text(file)) if str(file) == "-" else read_token(file)
