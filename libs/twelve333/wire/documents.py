"""Signed documents between the core and protobuf."""

from __future__ import annotations

from ..api.common.v1 import common_pb2 as pb
from ..core.documents import ED25519, SignedDocument


def document_to_wire(document: SignedDocument) -> pb.SignedDocument:
    """A signed document as it travels."""
    return pb.SignedDocument(
        payload=document.payload,
        purpose=document.purpose,
        version=document.version,
        key_id=document.key_id,
        signature=document.signature,
        suite="" if document.suite == ED25519 else document.suite,
    )


def document_from_wire(document: pb.SignedDocument) -> SignedDocument:
    """A signed document as it arrived: nothing of it is checked yet."""
    suite = document.suite or ED25519
    return SignedDocument(document.payload, document.purpose, document.version, document.key_id, document.signature, suite)
