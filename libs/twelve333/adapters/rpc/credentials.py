"""TLS for both ends of every call, and the options that keep a connection alive and bounded.

A member is dialled at any address and proved by the DNS name in its certificate. Servers read their certificate anew when its
file changes, so a renewal needs no restart and drops no connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import grpc

from ...core.decision import Refused
from ...core.identity import dns_name
from ..signing.files import changed_at
from ..signing.keys import CHAIN_FILE, ROOT_FILE, Material, load_material

MESSAGE_BYTES_MAX: Final = 8 * 1024 * 1024
METADATA_BYTES_MAX: Final = 16 * 1024
Options = list[tuple[str, Any]]
Stamp = tuple[int, int]  # when certificate chain and trusted roots were written

_log = logging.getLogger("twelve333.rpc")

# A half-open link is noticed after at most 15 s; after an outage the next attempt is never more than 5 s away.
_ALIVE: Final[Options] = [
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]
_BOUNDED: Final[Options] = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
]

# An old connection is ended gently, its streams have as long as the longest RPC; so a certificate is shown again within the hour.
_MEMBERS: Final[Options] = [
    ("grpc.max_concurrent_streams", 128),
    ("grpc.max_connection_idle_ms", 10 * 60_000),
    ("grpc.max_connection_age_ms", 60 * 60_000),
    ("grpc.max_connection_age_grace_ms", 15 * 60_000),
]
_STRANGERS: Final[Options] = [
    ("grpc.max_concurrent_streams", 8),
    ("grpc.max_connection_idle_ms", 20_000),
    ("grpc.max_connection_age_ms", 60_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
]


def channel_credentials(material: Material | Path) -> grpc.ChannelCredentials:
    """What a caller proves itself with and whom it trusts.

    Args:
        material: loaded, or a member's folder (`tls.key`, `tls.crt`, `ca.crt`).

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_KEY_MISMATCH, SECURITY_CHAIN_MISMATCH.
    """
    loaded = load_material(material) if isinstance(material, Path) else material
    return grpc.ssl_channel_credentials(loaded.root, loaded.key, loaded.chain)


class FollowedCredentials:
    """What a caller proves itself with, following the files of a folder: a renewed certificate is used without a restart.

    Args:
        folder: `tls.key`, `tls.crt`, `ca.crt`.

    Raises:
        Refused: as `channel_credentials`, at start; later the certificate that worked stays in use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._files = folder, _followed(folder)
        self._stamp = _changed_at(self._files)
        self._credentials = channel_credentials(folder)

    def now(self) -> tuple[Stamp, grpc.ChannelCredentials]:
        """The credentials to dial with, and a stamp that changes with them."""
        stamp = _changed_at(self._files)
        if stamp != self._stamp:
            try:
                self._credentials, self._stamp = channel_credentials(self._folder), stamp
            except Refused as refused:  # half written: look again at the next call
                _log.warning("certificate not renewed code=%s", refused.refusal.code.name)
        return self._stamp, self._credentials


def channel_options(member: str) -> Options:
    """Options of a channel to `member`: whatever the address, its certificate must say `<member>.12333.internal`."""
    return [
        *_ALIVE,
        *_BOUNDED,
        ("grpc.ssl_target_name_override", dns_name(member)),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 5_000),  # gRPC also gives one attempt, handshake included, this long at least
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.enable_retries", 0),  # retries are ours: they know which refusals are worth one
    ]


def server_options(*, strangers: bool = False) -> Options:
    """Options of every listener; a port that is in use is an error, never shared.

    Connections that do not finish their handshake, lie idle or grow old are closed, pings more often than our own clients' end the
    connection, and one connection cannot ask more at once than a caller is granted.

    Args:
        strangers: callers have no certificate, so each connection is for a few calls only.
    """
    return [
        *_ALIVE,
        *_BOUNDED,
        *(_STRANGERS if strangers else _MEMBERS),
        ("grpc.so_reuseport", 0),
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.max_ping_strikes", 2),
    ]


def server_credentials(folder: Path, *, callers_prove_themselves: bool = True) -> grpc.ServerCredentials:
    """Credentials of a listener, following the files of `folder`.

    Args:
        folder: `tls.key`, `tls.crt`, `ca.crt`.
        callers_prove_themselves: ask for a certificate under `ca.crt`; False only for enrolment.

    Raises:
        Refused: as `channel_credentials`, at start; later the certificate that worked stays in use.
    """
    certificates = _Certificates(folder, callers_prove_themselves)
    # The fetcher may answer None, which the published types do not know.
    newer = cast("Callable[[], grpc.ServerCertificateConfiguration]", certificates.newer)
    return grpc.dynamic_ssl_server_credentials(certificates.load(), newer, callers_prove_themselves)


class _Certificates:
    """The files of one folder; gRPC asks `newer` at each new connection, from threads of its own."""

    def __init__(self, folder: Path, callers_prove_themselves: bool) -> None:
        self._folder = folder
        self._mutual, self._files = callers_prove_themselves, _followed(folder)
        self._stamp = _changed_at(self._files)

    def load(self) -> grpc.ServerCertificateConfiguration:
        """Read and check the files."""
        material = load_material(self._folder)
        return grpc.ssl_server_certificate_configuration([(material.key, material.chain)], material.root if self._mutual else None)

    def newer(self) -> grpc.ServerCertificateConfiguration | None:
        """The new configuration if chain or roots have changed, None to keep the one in use."""
        stamp = _changed_at(self._files)
        if stamp == self._stamp:
            return None
        try:
            loaded = self.load()
        except Refused as refused:  # a renewal half done, or done wrong: serve on, and look again at the next connection
            _log.warning("certificate not renewed code=%s", refused.refusal.code.name)
            return None
        self._stamp = stamp
        return loaded


def _followed(folder: Path) -> tuple[Path, Path]:
    """The files that are looked at before each call, named once."""
    return folder / CHAIN_FILE, folder / ROOT_FILE


def _changed_at(files: tuple[Path, Path]) -> Stamp:
    chain, roots = files
    return changed_at(chain), changed_at(roots)
