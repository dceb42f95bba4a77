"""What the commands that exchange a root print: `twelve333 hub rotate-root` and `twelve333 node rotate-authority`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import Common
from .output import show_one

if TYPE_CHECKING:
    from cryptography import x509


def show_root(root: x509.Certificate, then: str, common: Common) -> None:
    """Print the pin of the root that comes, until when it is good, and what to do next."""
    from ..adapters.signing.authority import pin_of

    result = {"authority_pin": pin_of(root), "until": root.not_valid_after_utc.isoformat(timespec="seconds")}
    show_one(result | ({"next": then} if then else {}), as_json=common.json)
