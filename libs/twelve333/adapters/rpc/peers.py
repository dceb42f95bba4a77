"""Channels to other members by name: one each, dialled when first used, proved by certificate to be that member.

The address comes from the directory and may change; the name in the certificate decides who answers. When the address or our own
certificate changes, new calls go over a new channel, and calls in hand end on the old one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

import grpc

from ...core.decision import Code, Kind, Refused, refuse
from .credentials import FollowedCredentials, Stamp, channel_options

START_SECONDS: Final = 2.0  # for calls that were just made on a channel that was then replaced
FINISH_SECONDS: Final = 900.0  # and for them to end; streams last no longer
S = TypeVar("S")
PEER_UNKNOWN: Final = Code("COMMON_PEER_UNKNOWN", Kind.NOT_FOUND)


class Peers:
    """The channels of one process.

    Args:
        endpoint_of: host:port of a member, None if there is no such member.
        credentials: what we prove ourselves with, for good or as our files change.
        interceptors: put on every channel (trace context).
    """

    def __init__(
        self,
        endpoint_of: Callable[[str], str | None],
        credentials: grpc.ChannelCredentials | FollowedCredentials,
        interceptors: tuple[grpc.aio.ClientInterceptor, ...] = (),
    ) -> None:
        self._endpoint_of = endpoint_of
        self._credentials = credentials
        self._interceptors = interceptors
        self._channels: dict[str, tuple[str, Stamp | None, grpc.aio.Channel]] = {}
        self._stubs: dict[tuple[str, object], tuple[grpc.aio.Channel, Any]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def channel(self, member: str) -> grpc.aio.Channel:
        """The channel to `member`; a new one if its address or our certificate has changed. Use it at once, do not keep it.

        Raises:
            Refused: COMMON_PEER_UNKNOWN.
        """
        endpoint = self._endpoint_of(member)
        if endpoint is None:
            raise Refused(refuse(PEER_UNKNOWN, member=member))
        followed = self._credentials
        stamp, credentials = followed.now() if isinstance(followed, FollowedCredentials) else (None, followed)
        known = self._channels.get(member)
        if known and known[:2] == (endpoint, stamp):
            return known[2]
        options = channel_options(member)
        channel = grpc.aio.secure_channel(endpoint, credentials, options=options, interceptors=list(self._interceptors))
        self._channels[member] = (endpoint, stamp, channel)
        if known:
            self._retire(known[2])
        return channel

    def stub(self, member: str, make: Callable[[grpc.aio.Channel], S]) -> S:
        """The stub that `make` makes of the channel to `member`, made once; raises as `channel`. Use it at once, do not keep it."""
        channel, key = self.channel(member), (member, make)
        known = self._stubs.get(key)
        if known is None or known[0] is not channel:
            known = self._stubs[key] = channel, make(channel)
        stub: S = known[1]
        return stub

    async def close(self) -> None:
        """Close every channel."""
        self._stubs.clear()
        for task in self._closing:
            task.cancel()
        for _, _, channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    def _retire(self, channel: grpc.aio.Channel) -> None:
        task = asyncio.get_running_loop().create_task(_finish(channel))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _finish(channel: grpc.aio.Channel) -> None:
    """Close a channel once the calls in hand have ended; one that is closed at once would lose those that interceptors still hold."""
    await asyncio.sleep(START_SECONDS)
    await channel.close(FINISH_SECONDS)
