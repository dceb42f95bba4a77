"""The member's side of mutual TLS to the broker, read from its folder anew for every session, so that a renewed certificate is used."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from ..signing.keys import CHAIN_FILE, KEY_FILE, ROOT_FILE


def member_tls(folder: Path) -> Callable[[], ssl.SSLContext]:
    """What makes the context from `tls.crt`, `tls.key` and `ca.crt` in `folder`; raises `OSError` if they cannot be read."""

    def make() -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=folder / ROOT_FILE)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(folder / CHAIN_FILE, folder / KEY_FILE)
        return context

    return make
