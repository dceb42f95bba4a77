"""Channels to other members by name: one each, dialled when first used, proved by certificate to be that member.

The address comes from the directory and may change; the name in the certificate decides who answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import grpc

from ...core.decision import Code, Kind, Refused, refuse
from .credentials import channel_options

PEER_UNKNOWN: Final = Code("COMMON_PEER_UNKNOWN", Kind.NOT_FOUND)


class Peers:
    """The channels of one process.

    Args:
        endpoint_of: host:port of a member, None if there is no such member.
        credentials: what we prove ourselves with.
        interceptors: put on every channel (trace context).
    """

    def __init__(
        self,
        endpoint_of: Callable[[str], str | None],
        credentials: grpc.ChannelCredentials,
        interceptors: tuple[grpc.aio.ClientInterceptor, ...] = (),
    ) -> None:
        self._endpoint_of = endpoint_of
        self._credentials = credentials
        self._interceptors = interceptors
        self._channels: dict[str, tuple[str, grpc.aio.Channel]] = {}

    def channel(self, member: str) -> grpc.aio.Channel:
        """The channel to `member`; a new one if its address has changed.

        Raises:
            Refused: COMMON_PEER_UNKNOWN.
        """
        endpoint = self._endpoint_of(member)
        if endpoint is None:
            raise Refused(refuse(PEER_UNKNOWN, member=member))
        known = self._channels.get(member)
        if known and known[0] == endpoint:
            return known[1]
        channel = grpc.aio.secure_channel(
            endpoint, self._credentials, options=channel_options(member), interceptors=list(self._interceptors)
        )
        self._channels[member] = (endpoint, channel)
        return channel

    async def close(self) -> None:
        """Close every channel."""
        for _, channel in self._channels.values():
            await channel.close()
        self._channels.clear()
