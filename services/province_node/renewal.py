"""The node renews its own certificates: the federation's at the hub, the desk listener's by its own authority.

Well before the end it asks with the certificate it has. After a long absence, with one that has ended, it asks at the enrolment
listener and proves its key; nobody has to do anything. Listeners, channels and the broker's sessions follow the files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import grpc

from twelve333.adapters import hosting
from twelve333.adapters.rpc.credentials import channel_options
from twelve333.adapters.signing.authority import load_authority
from twelve333.adapters.signing.codes import ROOT_NOT_VOUCHED
from twelve333.adapters.signing.files import read_file, write_file
from twelve333.adapters.signing.keys import CHAIN_FILE, KEY_FILE, ROOT_FILE, key_and_request, load_certificates
from twelve333.adapters.signing.pinning import fetch_trust
from twelve333.adapters.signing.renewal import due_at, install_chain, make_proof, present_leaf, renew_own, renew_profiles
from twelve333.adapters.signing.trust import Trust, fingerprint, root_above, take_up_files
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.api.registration.v1 import service_pb2_grpc
from twelve333.core.decision import Refused, refuse
from twelve333.core.identity import dns_name, local_domain, local_node_identity
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.wire.times import to_timestamp

from .alarms import Alarms
from .context import NodeContext

ASK_SECONDS: Final = 20.0

log = logger("registration")


class Renewal:
    """`step` is repeated in the background.

    Args:
        node: the node's ports.
        alarms: where it is counted that a root was offered which nobody vouches for.
        hub_away: whether the hub was asked last in vain.
    """

    def __init__(self, node: NodeContext, alarms: Alarms, hub_away: Callable[[], bool]) -> None:
        self._node, self._alarms, self._hub_away = node, alarms, hub_away
        self._folder = hosting.federation_folder(node.settings)
        self._refused: set[str] = set()

    async def step(self) -> None:
        """Trust the roots that the directory lists, and renew what is due.

        Raises:
            Refused: the answer is not for our key, a file cannot be written, or nobody knows where to ask.
            grpc.aio.AioRpcError: the hub did not answer or refused.
        """
        now = self._node.clock()
        await self._take_up(self._node.directory.trust, now)
        await asyncio.to_thread(self._renew_desk, now)
        if self._hub_away() and await self._left_behind(now):
            await self._install(await self._ask_by_key(now))
            return
        leaf = present_leaf(self._folder)
        if now >= due_at(leaf):
            await self._install(await self._ask(now, ended=now >= leaf.not_valid_after_utc))

    async def _take_up(self, told: Trust, now: datetime) -> None:
        taken, changed = await asyncio.to_thread(take_up_files, self._folder, told, now)
        if changed:
            log.warning("trusted roots changed", count=len(taken.roots))
        await asyncio.to_thread(copy_to_profile, self._folder, self._node.settings.base / "profiles" / HUB)
        for root in taken.refused:
            if (name := fingerprint(root)) not in self._refused:  # once each, not with every look
                self._refused.add(name)
                await self._alarms.note(refuse(ROOT_NOT_VOUCHED, root=name[:16]))

    async def _left_behind(self, now: datetime) -> bool:
        """Whether the federation has another root now, which we missed because we were away: its door shows it, and the root we trust
        must have vouched for it; then our key proves us there as after any long absence."""
        address = self._node.settings.hub.enrolment
        if not address:
            return False
        try:
            shown = await asyncio.to_thread(fetch_trust, address)
        except Refused:  # it is away altogether
            return False
        if not shown.roots or root_above(load_certificates(self._folder / CHAIN_FILE), shown.roots):
            return False
        await self._take_up(Trust((*load_certificates(self._folder / ROOT_FILE), *shown.roots), shown.links), now)
        return shown.roots[-1] in load_certificates(self._folder / ROOT_FILE)

    async def _ask(self, now: datetime, *, ended: bool) -> str:
        if ended:
            return await self._ask_by_key(now)
        try:
            return await self._ask_by_certificate()
        except grpc.aio.AioRpcError as error:
            # Its clock may be ahead of ours: then our certificate has ended there already, and the handshake fails.
            if error.code() is not grpc.StatusCode.UNAVAILABLE or not self._node.settings.hub.enrolment:
                raise
            return await self._ask_by_key(now)

    async def _ask_by_certificate(self) -> str:
        stub = service_pb2_grpc.RegistrationServiceStub(self._node.peers.channel(HUB))
        request = pb.RenewCertificateRequest(signing_request=key_and_request(self._folder))
        return (await stub.RenewCertificate(request, timeout=ASK_SECONDS)).certificate_chain

    async def _ask_by_key(self, now: datetime) -> str:
        address = self._node.settings.hub.enrolment
        if not address:
            raise Refused(refuse(codes.ENROLMENT_UNKNOWN))
        proof = make_proof(self._folder, self._node.province, now)
        request = pb.RenewExpiredRequest(
            province=proof.province, signing_request=proof.request, signed_at=to_timestamp(proof.signed_at), signature=proof.signature
        )
        credentials = grpc.ssl_channel_credentials(read_file(self._folder / ROOT_FILE))
        async with grpc.aio.secure_channel(address, credentials, options=channel_options(HUB)) as channel:
            answer = await service_pb2_grpc.EnrolmentServiceStub(channel).RenewExpired(request, timeout=ASK_SECONDS)
        return answer.certificate_chain

    async def _install(self, chain: str) -> None:
        await asyncio.to_thread(install_chain, self._folder, chain.encode())
        await asyncio.to_thread(copy_to_profile, self._folder, self._node.settings.base / "profiles" / HUB)
        log.info("certificate renewed", path=self._folder.name)

    def _renew_desk(self, now: datetime) -> None:
        pki, province = self._node.settings.pki_directory, self._node.province
        if not (pki / "local" / "issuing" / "ca.key").exists():
            return  # the province's authority is kept elsewhere, and renews by its own means
        names, identity = [dns_name(province), "localhost"], local_node_identity(province)
        authority = load_authority(pki / "local")
        if renew_own(authority, pki / "desk", identity, names, now, carries_root=False):
            log.info("certificate renewed", path="desk")
        renew_profiles(authority, self._node.settings.base / "profiles", local_domain(province), now)


def copy_to_profile(folder: Path, profile: Path) -> None:
    """Let the profile with which the province's IT asks the hub follow, if it is there and for the same key."""
    if not (profile / KEY_FILE).exists() or read_file(profile / KEY_FILE) != read_file(folder / KEY_FILE):
        return
    for name in (ROOT_FILE, CHAIN_FILE):  # the roots first, so that a chain is never without its own
        if (content := read_file(folder / name)) != read_file(profile / name):
            write_file(profile / name, content)
