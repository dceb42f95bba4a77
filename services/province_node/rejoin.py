"""`node rejoin`: a node that was revoked, or lost its key, becomes good again with a new token and a new key; its data stay.

The new key waits in a folder of its own until the hub has answered, so that a repeat after a lost answer asks with the same key, and a
refusal leaves the node as it was.
"""

from __future__ import annotations

import asyncio
import shutil

from twelve333.adapters import hosting
from twelve333.adapters.clock import system_clock
from twelve333.adapters.signing import codes
from twelve333.adapters.signing.document_keys import PINNED_FILE, led_from, load_pinned
from twelve333.adapters.signing.files import PRIVATE, read_file, write_file
from twelve333.adapters.signing.keys import CHAIN_FILE, KEY_FILE, ROOT_FILE, key_and_request, load_material, write_material
from twelve333.adapters.signing.pinning import fetch_root
from twelve333.core.decision import Refused, refuse
from twelve333.core.ids import HUB

from .join import Asked, ask, trust_listed
from .settings import NodeSettings

STAGED = "federation.new"


async def rejoin(settings: NodeSettings, hub: str, pin: str, token: str, locale: str = "") -> str:
    """Enrol again with a new key; a running node follows by itself.

    Args:
        settings: of the node.
        hub: host:port of the hub's enrolment listener.
        pin: `sha256:…` of the federation's root certificate.
        token: the new one-time token.
        locale: of the hub's sentence, if it refuses.

    Returns:
        The serial of the new certificate.

    Raises:
        Refused: SECURITY_* (pin, files, another federation's hub).
        ServiceError: the hub refused.
    """
    staged, folder = settings.pki_directory / STAGED, hosting.federation_folder(settings)
    now = system_clock()
    root = await asyncio.to_thread(fetch_root, hub, pin, now)
    asked = Asked(hub, root, settings.province, settings.listen.advertise, locale)
    answer = await ask(asked, token, key_and_request(staged))
    pinned = load_pinned(settings.pki_directory)
    present = [pinned, *(each.key for each in led_from(pinned, answer.document_vouchers))][-1]
    if present != answer.document_key:
        raise Refused(refuse(codes.KEY_MISMATCH, certificate=hub, key=settings.pki_directory / PINNED_FILE))
    write_material(staged, answer.certificate_chain.encode(), root)
    trust_listed(staged, answer, now)
    serial = load_material(staged).serial
    targets = [folder, settings.base / "profiles" / HUB]
    for target in filter(lambda each: (each / KEY_FILE).exists(), targets):
        # The chain last: who follows the files takes up all three when it changes.
        for name, mode in ((ROOT_FILE, 0o644), (KEY_FILE, PRIVATE), (CHAIN_FILE, 0o644)):
            write_file(target / name, read_file(staged / name), mode)
    await asyncio.to_thread(shutil.rmtree, staged)
    return serial
