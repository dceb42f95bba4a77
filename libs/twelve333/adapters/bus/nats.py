"""NATS behind the `Bus` port: one supervised session after another, each over mutual TLS.

Rule served: a broker that is away never blocks anybody, and recovery after a long outage needs no restart: the wait between tries
is capped and jittered, half-open links are noticed by pings, and certificates are read again for every session.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from ...core.decision import Refused, refuse
from ...core.delivery.codes import BROKER_AWAY
from ...core.delivery.rules import back_off
from ...core.identity import dns_name
from ...wire.subjects import inbox_prefix, queues_of_all, receipts_for
from .port import Incoming
from .pull import Puller
from .server_config import BROKER_NAME
from .topology import ensure_topology

CONNECT_TIMEOUT_S: Final = 5
PUBLISH_TIMEOUT_S: Final = 10.0
PING_INTERVAL_S: Final = 5
STATE_CHECK_S: Final = 1.0
CLOSE_TIMEOUT_S: Final = 2.0
RETRY_BASE: Final = timedelta(milliseconds=100)
RETRY_CAP: Final = timedelta(seconds=10)

_FAULTS = (OSError, TimeoutError, NatsError, ssl.SSLError)
log = structlog.get_logger("twelve333.bus")


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """How one member reaches the broker.

    Args:
        urls: servers, tried in turn, such as `tls://10.0.0.1:4222`.
        member: who we are: `hub` or a province code.
        tls: gives the context for a new session, read from the member's files each time.
        administers: the members whose consumers we make; empty for all but the hub.
        tls_name: the DNS name the broker's certificate must carry.
    """

    urls: Sequence[str]
    member: str
    tls: Callable[[], ssl.SSLContext]
    administers: Sequence[str] = ()
    tls_name: str = dns_name(BROKER_NAME)


class NatsBus:
    """See `Bus`."""

    def __init__(self, settings: NatsSettings, draw: Callable[[], float] = random.random) -> None:
        self._settings = settings
        self._draw = draw
        self._administers = list(settings.administers)
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None
        self._puller: Puller | None = None
        self._live = asyncio.Event()
        self._closing = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._on_connected: list[Callable[[], None]] = []
        self._on_receipt: list[Callable[[str, bytes], None]] = []
        self._on_told: list[Callable[[str, bytes], None]] = []

    @property
    def connected(self) -> bool:
        """See `Bus.connected`."""
        return self._live.is_set()

    def on_connected(self, listener: Callable[[], None]) -> None:
        """See `Bus.on_connected`."""
        self._on_connected.append(listener)

    def on_receipt(self, listener: Callable[[str, bytes], None]) -> None:
        """See `Bus.on_receipt`."""
        self._on_receipt.append(listener)

    def on_told(self, listener: Callable[[str, bytes], None]) -> None:
        """Call `listener` with subject and bytes of what members tell everybody and nobody keeps; before `start`."""
        self._on_told.append(listener)

    async def administer(self, members: Iterable[str]) -> None:
        """Make the consumers of members that came since, now or when the broker is back; only the hub makes any."""
        new = [member for member in members if member not in self._administers] if self._administers else []
        self._administers += new
        try:
            if new and self._stream is not None:
                await ensure_topology(self._stream, new)
        except _FAULTS as error:
            log.info("consumers not made", reason=type(error).__name__)  # they are at the next connection

    async def tell(self, subject: str, data: bytes) -> None:
        """Tell everybody who listens now; when the broker is away it is lost."""
        await self.send_receipt(subject, data)

    async def start(self) -> None:
        """See `Bus.start`."""
        self._supervisor = asyncio.create_task(self._supervise(), name="nats")

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Bus.publish`."""
        js = self._stream
        if js is None:
            raise Refused(refuse(BROKER_AWAY))
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                taken = [await js.publish_async(subject, data) for subject, data in messages]
                await asyncio.gather(*taken)
        except _FAULTS as error:
            raise Refused(refuse(BROKER_AWAY)) from error

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        """See `Bus.fetch`."""
        try:
            if wait_s == 0:
                return await self._puller.arrived(limit) if self._puller is not None else []
            async with asyncio.timeout(wait_s):
                await self._live.wait()
                puller = self._puller
                return await puller.take(limit) if puller is not None else []
        except _FAULTS:
            return []

    async def send_receipt(self, subject: str, data: bytes) -> None:
        """See `Bus.send_receipt`."""
        if self._client is None:
            return
        try:
            await self._client.publish(subject, data)
        except _FAULTS as error:
            log.info("receipt not sent", reason=type(error).__name__)

    async def close(self) -> None:
        """See `Bus.close`."""
        self._closing.set()
        if self._supervisor is not None:
            await self._supervisor

    async def _supervise(self) -> None:
        attempt = 0
        while not self._closing.is_set():
            try:
                await self._session()
                attempt = 0
            except _FAULTS as error:
                log.info("broker away", reason=type(error).__name__, attempt=attempt)
            wait = back_off(attempt, self._draw(), RETRY_BASE, RETRY_CAP)
            attempt += 1
            await _either(self._closing, wait.total_seconds())

    async def _session(self) -> None:
        """Connect, serve until the link is lost or we close; raises what kept us from connecting."""
        client, lost = Client(), asyncio.Event()

        async def on_closed() -> None:
            lost.set()

        try:
            await self._unless_closing(self._connect(client, on_closed))
            await self._unless_closing(self._prepare(client))
            self._client, self._stream = client, client.jetstream()
            self._live.set()
            log.info("broker connected")
            for listener in self._on_connected:
                listener()
            await self._until_lost(client, lost)
        finally:
            self._live.clear()
            if self._puller is not None:
                self._puller.close()
            self._client = self._stream = self._puller = None
            await _shut(client)

    async def _until_lost(self, client: Client, lost: asyncio.Event) -> None:
        """Wait until the link is lost or we close.

        A silent broker never says the good-bye of TLS, and the client calls back only after half a minute of waiting for it; so its
        state is looked at too.
        """
        while client.is_connected and not lost.is_set() and not self._closing.is_set():
            try:
                async with asyncio.timeout(STATE_CHECK_S):
                    await _first(self._closing, lost)
            except TimeoutError:
                continue

    async def _unless_closing(self, step: Coroutine[None, None, None]) -> None:
        """Do the step, but let a close interrupt it: a broker that does not answer must not hold up the end of the process."""
        task = asyncio.create_task(step)
        await _first(self._closing, task)
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CLOSE_TIMEOUT_S)
            raise ConnectionAbortedError
        await task

    async def _connect(self, client: Client, on_closed: Callable[[], object]) -> None:
        await client.connect(
            servers=list(self._settings.urls),
            name=self._settings.member,
            tls=self._settings.tls(),
            tls_hostname=self._settings.tls_name,
            inbox_prefix=inbox_prefix(self._settings.member),
            allow_reconnect=False,  # the supervisor makes a fresh session instead: each server is tried twice, without a pause
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=CONNECT_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=1,
            closed_cb=on_closed,  # type: ignore[arg-type]
            error_cb=_report,
        )

    async def _prepare(self, client: Client) -> None:
        if self._administers:
            await ensure_topology(client.jetstream(), self._administers)
        await client.subscribe(receipts_for(self._settings.member), cb=self._receipt)
        if self._on_told:
            await client.subscribe(queues_of_all(), cb=self._told)
        self._puller = Puller(client, self._settings.member)
        await self._puller.open()

    async def _receipt(self, message: Msg) -> None:
        for listener in self._on_receipt:
            listener(message.subject, message.data)

    async def _told(self, message: Msg) -> None:
        for listener in self._on_told:
            listener(message.subject, message.data)


async def _report(error: Exception) -> None:
    log.info("broker reports", reason=type(error).__name__)


async def _shut(client: Client) -> None:
    """Flush and close, whatever state the client is in."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            if client.is_connected:
                await client.flush()
            await client.close()  # waits for ever on a handshake that was cut short, hence the limit
    except _FAULTS as error:
        log.info("broker closed with unsent messages", reason=type(error).__name__)


async def _either(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for the event, at most so long."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return


async def _first(event: asyncio.Event, other: asyncio.Event | asyncio.Task[None]) -> None:
    """Wait until the event is set, or the other is set or done."""
    waits = [asyncio.create_task(each.wait()) for each in (event, other) if isinstance(each, asyncio.Event)]
    tasks = [other] if isinstance(other, asyncio.Task) else []
    try:
        await asyncio.wait([*waits, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
