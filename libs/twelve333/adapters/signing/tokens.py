"""One-time join tokens: 256 random bits that the hub remembers only as a hash, so its database cannot enrol anybody.

What is printed (address, province, pin of the root) is no secret; the token itself goes to a file or a pipe, never into an
argument list that every user of the machine can read.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twelve333.core.decision import Refused, refuse

from . import codes
from .files import PRIVATE, read_file, write_file

_TOKEN = re.compile(r"t333_[A-Za-z0-9_-]{43}")
_PREFIX: Final = "t333_"  # lets secret scanners recognise one that was pasted somewhere


@dataclass(frozen=True, slots=True)
class JoinOffer:
    """What a province needs besides the token.

    Args:
        address: `host:port` of the hub's enrolment listener.
        province: whom the token enrols.
        pin: `sha256:…` of the federation's root.
    """

    address: str
    province: str
    pin: str

    def command(self, file: str = "TOKEN_FILE") -> str:
        """The line to run on the province's machine; the token is read from `file`."""
        return f"twelve333 node join --hub {self.address} --province {self.province} --pin {self.pin} --token-file {file}"


def make_token() -> str:
    """A new token: `t333_` and 256 random bits in base64url."""
    return _PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """The SHA-256 (hexadecimal) under which a token is stored and found.

    A plain hash is enough: 256 random bits cannot be guessed from it.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def token_matches(token: str, digest: str) -> bool:
    """Whether `digest` is of `token`, in constant time."""
    return hmac.compare_digest(token_digest(token), digest)


def write_token(path: Path, token: str) -> None:
    """Keep a token for its owner only (0600)."""
    write_file(path, token.encode() + b"\n", PRIVATE)


def read_token(path: Path) -> str:
    """Read a token file.

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_TOKEN_MALFORMED.
    """
    return parse_token(read_file(path).decode(errors="replace"))


def parse_token(text: str) -> str:
    """Accept a token with surrounding blanks, as it comes from a file or a pipe; refuse anything else, without repeating it."""
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise Refused(refuse(codes.TOKEN_MALFORMED))
    return token
