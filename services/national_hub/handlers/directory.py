"""Makes the next signed directory whenever members, units or declarations change, and tells every member that it is there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from twelve333.adapters.signing.documents import key_id, public_bytes, sign
from twelve333.adapters.signing.trust import to_der
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import events_pb2, registration_pb2
from twelve333.core.documents import digest_of
from twelve333.core.registration.certificates import listed
from twelve333.wire.documents import document_to_wire
from twelve333.wire.registration import member_to_wire, revocation_to_wire, unit_to_wire
from twelve333.wire.times import to_timestamp

from ..context import HubContext
from ..restored import lacks_news, next_version
from ..store import certificates, policies
from ..store import coverage as declarations
from ..store import registration as store
from ..store.encryption import load_keys
from ..store.leases import load_fences, load_signing

PURPOSE, CURRENT = "directory", "directory-current"
log = logger("registration")


def republish(context: HubContext, tx: Connection, now: datetime) -> int:
    """Build, sign and keep the next version within the unit of work that changed something.

    Returns:
        The new version.
    """
    before = store.load_directory(tx)
    version, keys = next_version(context, tx, before), load_keys(tx)
    fences, signing = load_fences(tx), load_signing(tx)
    previous = _payload(before) if before and version == before.version + 1 else b""
    directory = registration_pb2.Directory(
        version=version,
        previous_version=version - 1 if previous else 0,
        previous_sha256=digest_of(previous) if previous else b"",
        made_at=to_timestamp(now),
        members=[
            member_to_wire(member, keys.get(member.name, b""), fences.get(member.name, 0), signs=member.name in signing)
            for member in store.load_members(tx)
        ],
        units=[unit_to_wire(unit) for unit in store.load_units(tx)],
        declarations=declarations.load_declarations(tx, now),
        upcoming=declarations.load_upcoming(tx, now),
        policies=policies.load_policies(tx),
        revocations=[revocation_to_wire(each) for each in listed(certificates.load_revoked(tx), now)],
        hub_encryption_key=context.sealing_key(),
        trusted_roots=to_der(context.authority.trust.roots),
        root_links=to_der(context.authority.trust.links),
        hub_signs=True,
    )
    document = sign(directory.SerializeToString(deterministic=True), PURPOSE, version, context.documents)
    store.save_directory(tx, store.DirectoryRow(version, now, document_to_wire(document).SerializeToString()))
    for member in store.member_names(tx):
        context.outbox.append(tx, destination=member, message=events_pb2.DirectoryChanged(version=version), now=now)
    return version


def confirm(context: HubContext, document: common_pb2.SignedDocument, now: datetime) -> common_pb2.SignedDocument:
    """Sign that this version is the present one, now: what tells a node that nobody plays it an old copy."""
    said = registration_pb2.DirectoryCurrent(
        directory_version=document.version, directory_sha256=digest_of(document.payload), at=to_timestamp(now)
    )
    return document_to_wire(sign(said.SerializeToString(deterministic=True), CURRENT, int(now.timestamp() * 1000), context.documents))


async def publish_roots(context: HubContext) -> None:
    """Let the directory list the roots that are to be trusted, should they be others now.

    Raises:
        Refused: DELIVERY_STORE_UNAVAILABLE.
    """
    trust = context.authority.trust
    wanted = (to_der(trust.roots), to_der(trust.links))

    def work(tx: Connection) -> int:
        row = store.load_directory(tx)
        if row is None or _listed_roots(row) == wanted:
            return 0
        return republish(context, tx, context.clock())

    if version := await context.database.write(work):
        log.warning("trusted roots published", version=version, count=len(trust.roots))


def _listed_roots(row: store.DirectoryRow) -> tuple[list[bytes], list[bytes]]:
    listed = registration_pb2.Directory.FromString(_payload(row))
    return list(listed.trusted_roots), list(listed.root_links)


def _payload(row: store.DirectoryRow) -> bytes:
    return common_pb2.SignedDocument.FromString(row.document).payload


def _key_of(row: store.DirectoryRow) -> str:
    return common_pb2.SignedDocument.FromString(row.document).key_id


async def reconcile(context: HubContext) -> None:
    """After a restore, and after an exchange of the document key, give members a directory that they accept.

    Raises:
        Refused: DELIVERY_STORE_UNAVAILABLE.
    """

    def work(tx: Connection) -> int:
        row = store.load_directory(tx)
        if row is None or not (lacks_news(context, tx, row) or _key_of(row) != key_id(public_bytes(context.documents))):
            return 0
        return republish(context, tx, context.clock())

    if version := await context.database.write(work):
        log.warning("directory signed anew", version=version)
