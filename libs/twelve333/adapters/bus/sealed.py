"""A bus that seals what events say to the member they are for: the broker learns who tells whom, when and of what kind, and nothing else.

An event that may hold something personal, for a member whose key is not known (its program is older), is held back, unless the settings
allow to send it plain; the direct way between members, which is encrypted from end to end, is open to it meanwhile. An event that does
not open is not taken: without a receipt its origin sends it again, sealed to the key that is in force then. One that never opens is
passed on as it is, and set aside. A batch is sealed once, as a whole; one that does not open is never passed on, since its origin tries
again with the first event alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from google.protobuf.message import DecodeError

from ...api.delivery.v1 import delivery_pb2 as pb
from ...core.decision import Refusal, Refused, refuse
from ...core.delivery.codes import SEAL_KEY_UNKNOWN
from ...wire.batch import content_of, unwrap, wrap
from ...wire.envelope import capability_of
from ...wire.subjects import destination_of, is_batch
from ..signing.sealing import Opener, Sealer, mark_of
from ..telemetry.logs import logger
from .port import Bus, Incoming

IMPERSONAL: Final = frozenset({"registration", "library", "audit"})  # capabilities whose events never hold anything personal
NOT_OPENED_MAX: Final = 8  # tries of one event before it is passed on unopened
_REMEMBERED_MAX: Final = 1024

log = logger("delivery")
KeyOf = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Sealing:
    """What a sealed bus works with.

    Args:
        opener: opens what is sealed to us.
        key_of: the present public key of a member; empty if it has told none.
        plain_allowed: whether personal events may go unsealed to members that have told no key.
    """

    opener: Opener
    key_of: KeyOf
    plain_allowed: bool = False


class SealedBus:
    """See `Bus`.

    Args:
        bus: does the work.
        sealing: keys and policy.
    """

    def __init__(self, bus: Bus, sealing: Sealing) -> None:
        self._bus, self._sealing, self._sealer = bus, sealing, Sealer()
        self._not_opened: OrderedDict[tuple[str, str], int] = OrderedDict()

    @property
    def connected(self) -> bool:
        """See `Bus.connected`."""
        return self._bus.connected

    def on_connected(self, listener: Callable[[], None]) -> None:
        """See `Bus.on_connected`."""
        self._bus.on_connected(listener)

    def on_receipt(self, listener: Callable[[str, bytes], None]) -> None:
        """See `Bus.on_receipt`."""
        self._bus.on_receipt(listener)

    async def start(self) -> None:
        """See `Bus.start`."""
        await self._bus.start()

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Bus.publish`.

        Raises:
            Refused: also DELIVERY_SEAL_KEY_UNKNOWN; nothing was sent then.
        """
        keys: dict[str, bytes] = {}
        sealed: list[tuple[str, bytes]] = []
        for subject, data in messages:
            destination = destination_of(subject) or ""
            key = keys.get(destination)
            if key is None:
                key = keys[destination] = await self._sealing.key_of(destination)
            sealed.append((subject, self._seal_batch(data, key) if is_batch(subject) else self._seal(data, key)))
        await self._bus.publish(sealed)

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        """See `Bus.fetch`."""
        taken: list[Incoming] = []
        for message in await self._bus.fetch(limit, wait_s):
            if message.refusal is not None:
                taken.append(message)
                continue
            opened = self._open_batch(message) if is_batch(message.subject) else self._open(message)
            if opened is None:
                await message.acknowledge()  # the broker need not keep it: without a receipt its origin does
            else:
                taken.append(opened)
        return taken

    async def send_receipt(self, subject: str, data: bytes) -> None:
        """See `Bus.send_receipt`."""
        await self._bus.send_receipt(subject, data)

    async def close(self) -> None:
        """See `Bus.close`."""
        await self._bus.close()

    def _seal(self, data: bytes, key: bytes) -> bytes:
        envelope = pb.Envelope.FromString(data)
        if key:
            envelope.payload = self._sealer.seal(envelope.destination, key, envelope.payload, _names(envelope))
            envelope.sealing = pb.Sealing.ValueType(mark_of(key))
        else:
            self._check_plain(envelope.destination, [envelope.capability])
        return envelope.SerializeToString()

    def _seal_batch(self, data: bytes, key: bytes) -> bytes:
        batch = unwrap(data)
        if isinstance(batch, Refusal):
            raise Refused(batch)
        if key:
            batch.content = self._sealer.seal(batch.destination, key, batch.content, _batch_names(batch))
            batch.sealing = pb.Sealing.ValueType(mark_of(key))
        else:
            content = content_of(batch)
            events = [] if isinstance(content, Refusal) else content.events
            self._check_plain(batch.destination, [capability_of(event.type) for event in events])
        return wrap(batch)

    def _check_plain(self, destination: str, capabilities: Sequence[str]) -> None:
        if not self._sealing.plain_allowed and not IMPERSONAL.issuperset(capabilities):
            log.warning("events held back", code=SEAL_KEY_UNKNOWN.name, peer=destination)
            raise Refused(refuse(SEAL_KEY_UNKNOWN, member=destination))

    def _open_batch(self, message: Incoming) -> Incoming | None:
        """The message with its content opened; None when that was not possible."""
        batch = unwrap(message.data)
        if isinstance(batch, Refusal) or batch.sealing == pb.SEALING_UNSPECIFIED:
            return message
        try:
            batch.content = self._sealing.opener.open(batch.content, _batch_names(batch), batch.sealing)
        except Refused as refused:
            log.error("batch not opened", code=refused.refusal.code.name, origin=batch.origin, count=batch.count)
            return None
        batch.sealing = pb.SEALING_UNSPECIFIED
        return replace(message, data=wrap(batch))

    def _open(self, message: Incoming) -> Incoming | None:
        """The message with its payload opened; as it is when it was not sealed or never opens; None to wait for it to come again."""
        try:
            envelope = pb.Envelope.FromString(message.data)
        except DecodeError:
            return message  # refused by the inbox, which counts it
        if envelope.sealing == pb.SEALING_UNSPECIFIED:
            return message
        try:
            envelope.payload = self._sealing.opener.open(envelope.payload, _names(envelope), envelope.sealing)
        except Refused as refused:
            log.error("event not opened", code=refused.refusal.code.name, origin=envelope.origin, event_id=envelope.event_id)
            return message if self._give_up(envelope) else None
        envelope.sealing = pb.SEALING_UNSPECIFIED
        return replace(message, data=envelope.SerializeToString())

    def _give_up(self, envelope: pb.Envelope) -> bool:
        event = envelope.origin, envelope.event_id
        tries = self._not_opened.pop(event, 0) + 1
        if tries >= NOT_OPENED_MAX:
            return True
        self._not_opened[event] = tries
        if len(self._not_opened) > _REMEMBERED_MAX:
            self._not_opened.popitem(last=False)
        return False


def _names(envelope: pb.Envelope) -> bytes:
    """What names an event, and cannot be changed without the payload ceasing to open."""
    parts = (envelope.origin, envelope.destination, envelope.event_id, envelope.type, str(envelope.epoch), str(envelope.sequence))
    return "\x00".join(parts).encode()


def _batch_names(batch: pb.Batch) -> bytes:
    """The same for a batch; begins so that it can be the name of no single event."""
    parts = ("batch", batch.origin, batch.destination, str(batch.epoch), str(batch.first_sequence), str(batch.count))
    return "\x00".join(parts).encode()
