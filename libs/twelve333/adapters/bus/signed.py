"""A bus whose messages are signed by their origin: a broker that is itself an enemy can keep events and receipts back, but not invent them.

Signed is what the sealed bus made, so the signature is checked before anything is opened. What does not hold is passed on as a refusal
of its origin's, so that the inbox counts it and those behind it go on; a receipt that does not hold is dropped. From members whose older
program does not sign, unsigned messages are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from google.protobuf.message import DecodeError
from opentelemetry import metrics

from ...api.delivery.v1 import delivery_pb2 as pb
from ...core.decision import Refusal, refuse
from ...core.delivery.codes import ENVELOPE_MALFORMED
from ...wire.said import batch_said, envelope_said, receipt_said
from ...wire.subjects import is_batch, sender_of
from ..signing.statements import Signature, Signer, Verifier
from ..telemetry.logs import logger
from .port import Bus, Incoming

log = logger("delivery")
_refused = metrics.get_meter("twelve333.delivery").create_counter(
    "twelve333.delivery.signatures_refused", unit="{message}", description="messages whose signature was missing or did not hold"
)


@dataclass(frozen=True, slots=True)
class Signing:
    """What a signed bus works with.

    Args:
        signer: signs in our name.
        verifier: checks what others signed.
        demanded: whether nothing unsigned is taken from a member.
    """

    signer: Signer
    verifier: Verifier
    demanded: Callable[[str], bool]


class SignedBus:
    """See `Bus`.

    Args:
        bus: does the work.
        signing: keys and policy.
    """

    def __init__(self, bus: Bus, signing: Signing) -> None:
        self._bus, self._signing = bus, signing

    @property
    def connected(self) -> bool:
        """See `Bus.connected`."""
        return self._bus.connected

    def on_connected(self, listener: Callable[[], None]) -> None:
        """See `Bus.on_connected`."""
        self._bus.on_connected(listener)

    def on_receipt(self, listener: Callable[[str, bytes], None]) -> None:
        """See `Bus.on_receipt`."""

        def guarded(subject: str, data: bytes) -> None:
            if self._receipt_refusal(sender_of(subject) or "", data) is None:
                listener(subject, data)

        self._bus.on_receipt(guarded)

    async def start(self) -> None:
        """See `Bus.start`."""
        await self._bus.start()

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Bus.publish`."""
        await self._bus.publish([(subject, self._signed(subject, data)) for subject, data in messages])

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        """See `Bus.fetch`."""
        return [self._checked(message) for message in await self._bus.fetch(limit, wait_s)]

    async def send_receipt(self, subject: str, data: bytes) -> None:
        """See `Bus.send_receipt`."""
        receipt = pb.Receipt.FromString(data)
        _put(receipt, self._signing.signer.sign(receipt_said(receipt)))
        await self._bus.send_receipt(subject, receipt.SerializeToString())

    async def close(self) -> None:
        """See `Bus.close`."""
        await self._bus.close()

    def _signed(self, subject: str, data: bytes) -> bytes:
        if is_batch(subject):
            batch = pb.SignedBatch.FromString(data)
            _put(batch, self._signing.signer.sign(batch_said(batch.batch)))
            return batch.SerializeToString()
        envelope = pb.Envelope.FromString(data)
        _put(envelope, self._signing.signer.sign(envelope_said(envelope)))
        return envelope.SerializeToString()

    def _checked(self, message: Incoming) -> Incoming:
        sender = sender_of(message.subject) or ""
        try:
            if is_batch(message.subject):
                batch = pb.SignedBatch.FromString(message.data)
                refusal = self._refusal(sender, batch_said(batch.batch), batch)
            else:
                envelope = pb.Envelope.FromString(message.data)
                refusal = self._refusal(sender, envelope_said(envelope), envelope)
        except DecodeError:
            refusal = refuse(ENVELOPE_MALFORMED, reason="unreadable")
        return replace(message, refusal=refusal) if refusal else message

    def _receipt_refusal(self, sender: str, data: bytes) -> Refusal | None:
        try:
            receipt = pb.Receipt.FromString(data)
        except DecodeError:
            return None  # refused by who reads it
        return self._refusal(sender, receipt_said(receipt), receipt)

    def _refusal(self, sender: str, said: bytes, message: pb.SignedBatch | pb.Envelope | pb.Receipt) -> Refusal | None:
        if not message.signature and not self._signing.demanded(sender):
            return None
        refusal = self._signing.verifier.check(sender, said, Signature(message.signature, message.chain))
        if refusal is not None:
            log.error("signature refused", code=refusal.code.name, peer=sender, reason=refusal.params.get("reason", ""))
            _refused.add(1, {"code": refusal.code.name})
        return refusal


def _put(message: pb.SignedBatch | pb.Envelope | pb.Receipt, signature: Signature) -> None:
    message.signature = signature.value
    message.chain.extend(signature.chain)
