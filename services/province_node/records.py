"""Keeps what the hub gives this node to keep, so that a hub that is put back to a backup gets it back (`DirectoryPull`)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from google.protobuf.message import DecodeError
from sqlalchemy import Connection

from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.sql.delivery import Applier, Inbound
from twelve333.api.registration.v1 import records_pb2 as pb
from twelve333.core.decision import Refused, refuse
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.wire.documents import document_from_wire

from .store.records import records

GIVEN: Final = pb.RecordsGiven.DESCRIPTOR.full_name
PURPOSE: Final = "record"


def keep_given(keys: DocumentKeys) -> Applier:
    """What to do with records: check that the hub signed each, and keep it in place of the one before.

    They come from the hub itself, so a key of before counts however long ago it was exchanged: this member may have been away. One by a key
    that is not known here is kept as well: it is from before this member joined, or the directory that tells of the exchange is on its way.
    The hub knows all its keys, and checks what it is handed back.

    Args:
        keys: the hub's public keys for documents.
    """

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        if event.origin != HUB:
            raise Refused(refuse(codes.DIRECTORY_REFUSED, reason="not from the hub"))
        for document in pb.RecordsGiven.FromString(event.message).documents:
            said = keys.verify_older(document_from_wire(document), PURPOSE) if keys.knows(document.key_id) else document.payload
            try:
                record = pb.KeptRecord.FromString(said)
            except DecodeError as error:
                raise Refused(refuse(codes.DIRECTORY_REFUSED, reason="unreadable")) from error
            records.save(tx, record.name[:32], document)

    return apply
