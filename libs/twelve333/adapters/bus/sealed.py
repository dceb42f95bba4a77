"""A bus that seals what events say to the member they are for: the broker learns who tells whom, when and of what kind, and nothing else.

An event that may hold something personal, for a member whose key is not known (its program is older), is held back, unless the settings
allow to send it plain; the direct way between members, which is encrypted from end to end, is open to it meanwhile. An event that does
not open is not taken: without a receipt its origin sends it again, sealed to the key that is in force then. One that never opens is
passed on as it is, and set aside.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from google.protobuf.message import DecodeError

from ...api.delivery.v1 import delivery_pb2 as pb
from ...core.decision import Refused, refuse
from ...core.delivery.codes import SEAL_KEY_UNKNOWN
from ..signing.sealing import Opener, Sealer
from ..telemetry.logs import logger
from .port import Bus, Incoming

SUITE: Final = pb.SEALING_X25519_HKDF_SHA256_AES256GCM
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
            envelope = pb.Envelope.FromString(data)
            key = keys.get(envelope.destination)
            if key is None:
                key = keys[envelope.destination] = await self._sealing.key_of(envelope.destination)
            sealed.append((subject, self._seal(envelope, key)))
        await self._bus.publish(sealed)

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        """See `Bus.fetch`."""
        taken: list[Incoming] = []
        for message in await self._bus.fetch(limit, wait_s):
            opened = self._open(message)
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

    def _seal(self, envelope: pb.Envelope, key: bytes) -> bytes:
        if key:
            envelope.payload = self._sealer.seal(envelope.destination, key, envelope.payload, _names(envelope))
            envelope.sealing = SUITE
        elif not self._sealing.plain_allowed and envelope.capability not in IMPERSONAL:
            log.warning("events held back", code=SEAL_KEY_UNKNOWN.name, peer=envelope.destination)
            raise Refused(refuse(SEAL_KEY_UNKNOWN, member=envelope.destination))
        return envelope.SerializeToString()

    def _open(self, message: Incoming) -> Incoming | None:
        """The message with its payload opened; as it is when it was not sealed or never opens; None to wait for it to come again."""
        try:
            envelope = pb.Envelope.FromString(message.data)
        except DecodeError:
            return message  # refused by the inbox, which counts it
        if envelope.sealing == pb.SEALING_UNSPECIFIED:
            return message
        try:
            if envelope.sealing != SUITE:
                raise Refused(refuse(SEAL_KEY_UNKNOWN, member=envelope.origin[:6]))
            envelope.payload = self._sealing.opener.open(envelope.payload, _names(envelope))
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
