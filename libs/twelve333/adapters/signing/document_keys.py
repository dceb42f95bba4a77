"""The hub's key for documents exchanged: each key vouches for the next, so a reader that pinned one of before is led to the present one.

Rules: the present key alone signs directories; what else was signed before an exchange (the library, records) counts for a week longer,
until it has been signed anew. A key is taken up only with a directory that it has signed, so a voucher alone changes nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1.registration_pb2 import DocumentKeyVoucher
from twelve333.core.decision import Refused, refuse
from twelve333.core.documents import BAD_SIGNATURE, Seen, SignedDocument
from twelve333.wire.documents import document_from_wire, document_to_wire
from twelve333.wire.times import from_timestamp, to_timestamp

from . import codes
from .documents import create_signing_key, key_id, load_signing_key, public_bytes, sign, suite_of, verify
from .files import read_file, write_file

PURPOSE: Final = "document-key"
COUNTS_ON: Final = timedelta(days=7)
KEY_FILE: Final = "documents.key"
PINNED_FILE: Final = "documents.pub"
VOUCHERS_FILE: Final = "documents.vouchers"
_NEXT_FILE: Final = "documents.key.next"


def load_pinned(folder: Path) -> bytes:
    """The hub's public key for documents that a node pinned when it joined, in hexadecimal in `documents.pub` of `folder`.

    Raises:
        Refused: SECURITY_FILE_MISSING, SECURITY_FILE_UNREADABLE, SECURITY_FILE_MALFORMED.
    """
    path = folder / PINNED_FILE
    try:
        return bytes.fromhex(read_file(path).decode("ascii").strip())
    except ValueError as error:
        raise Refused(refuse(codes.FILE_MALFORMED, path=path)) from error


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange: the key since then, the one before it, when, and the voucher itself."""

    key: bytes
    by: bytes
    at: datetime
    voucher: common_pb2.SignedDocument


class DocumentKeys:
    """The keys of the hub that count at a reader.

    Args:
        pinned: the public key that it pinned when it joined.
    """

    def __init__(self, pinned: bytes) -> None:
        self.present = pinned
        self._before: tuple[tuple[bytes, datetime], ...] = ()  # and when each was replaced

    def verify(self, document: SignedDocument, purpose: str, seen: Seen | None) -> bytes:
        """See `documents.verify`; by the present key alone."""
        return verify(document, purpose, self.present, seen)

    def verify_older(self, document: SignedDocument, purpose: str, now: datetime | None = None) -> bytes:
        """The same by a key of before as well, replaced a week before `now` at most if that is given. Raises as `documents.verify`."""
        before = [key for key, at in self._before if now is None or now < at + COUNTS_ON]
        return verify_by_any(document, purpose, [*before, self.present])

    def knows(self, key: str) -> bool:
        """Whether this is the id of the present key or of one before that is known here."""
        return key in {key_id(each) for each in (*(key for key, _ in self._before), self.present)}

    def exchanges(self, vouchers: Iterable[common_pb2.SignedDocument]) -> list[Exchange]:
        """The exchanges that lead from the present key to others, in order; those of before are left out.

        Raises:
            Refused: SECURITY_DOCUMENT_*: a voucher that names the key from which it goes on is not by that key.
        """
        return led_from(self.present, vouchers)

    def take_up(self, exchanges: Sequence[Exchange]) -> None:
        """Go on with the last key that these lead to."""
        for each in exchanges:
            self._before, self.present = (*self._before, (each.by, each.at)), each.key


def led_from(key: bytes, vouchers: Iterable[common_pb2.SignedDocument]) -> list[Exchange]:
    """The exchanges that lead from a key to later ones. Raises as `DocumentKeys.exchanges`."""
    found: list[Exchange] = []
    for voucher in vouchers:
        if voucher.key_id == key_id(key):
            said = _read(verify(document_from_wire(voucher), PURPOSE, key, None))
            if said.by != key:
                raise Refused(refuse(BAD_SIGNATURE, purpose=PURPOSE))
            found.append(Exchange(said.key, key, from_timestamp(said.at), voucher))
            key = said.key
    return found


def verify_by_any(document: SignedDocument, purpose: str, keys: Sequence[bytes]) -> bytes:
    """See `documents.verify`; by whichever of the keys the document names, else the last."""
    named = next((key for key in keys if key_id(key) == document.key_id), keys[-1])
    return verify(document, purpose, named, None)


def load_vouchers(folder: Path) -> list[common_pb2.SignedDocument]:
    """Every exchange of the key in `folder` so far, the oldest first.

    Raises:
        Refused: SECURITY_FILE_*.
    """
    path = folder / VOUCHERS_FILE
    if not path.exists():
        return []
    try:
        return [common_pb2.SignedDocument.FromString(base64.b64decode(line, validate=True)) for line in read_file(path).split()]
    except (binascii.Error, DecodeError) as error:
        raise Refused(refuse(codes.FILE_MALFORMED, path=path)) from error


def keys_of(vouchers: Iterable[common_pb2.SignedDocument], present: bytes) -> tuple[bytes, ...]:
    """Every key that ever signed here, the present one last; of our own vouchers, which need no check."""
    return (*(_read(voucher.payload).by for voucher in vouchers), present)


def exchange_key(folder: Path, now: datetime) -> bytes:
    """Make another document key in `folder`, have the one that is there vouch for it, and destroy that one; the new public key.

    A repeat finishes one that broke off.

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_SUITE_MISSING.
    """
    path, next_path = folder / KEY_FILE, folder / _NEXT_FILE
    old, vouchers = load_signing_key(path), load_vouchers(folder)
    ours = public_bytes(old)
    successor = load_signing_key(next_path) if next_path.exists() else create_signing_key(next_path, suite_of(ours))
    new = public_bytes(successor)
    if not vouchers or _read(vouchers[-1].payload).key != new:
        said = DocumentKeyVoucher(key=new, by=ours, at=to_timestamp(now))
        signed = sign(said.SerializeToString(deterministic=True), PURPOSE, len(vouchers) + 1, old)
        lines = [base64.b64encode(each.SerializeToString()) for each in (*vouchers, document_to_wire(signed))]
        write_file(folder / VOUCHERS_FILE, b"\n".join(lines) + b"\n")
    next_path.replace(path)
    return new


def _read(payload: bytes) -> DocumentKeyVoucher:
    try:
        return DocumentKeyVoucher.FromString(payload)
    except DecodeError as error:
        raise Refused(refuse(BAD_SIGNATURE, purpose=PURPOSE)) from error
