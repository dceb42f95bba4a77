"""A connection to the hub or a province node: mutual TLS, one channel, typed calls per capability.

async with Connection.open_profile("350000/profiles/desk-1") as node:
    answer = await node.library.search("工伤")
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import grpc

from ..adapters.rpc.credentials import channel_credentials, channel_options
from ..adapters.signing.codes import PROFILE_MALFORMED
from ..adapters.signing.files import read_file
from ..adapters.signing.keys import Material, load_material, load_material_files
from ..catalogue.catalogue import choose_locale
from ..core.decision import Refused, refuse
from .calls import Calls, RetryPolicy
from .errors import ServiceError, Target, raising_service_errors

if TYPE_CHECKING:
    from .audit import AuditClient
    from .callbacks import CallbacksClient
    from .cases import CasesClient
    from .coverage import CoverageClient
    from .delivery import DeliveryClient
    from .desk import DeskClient
    from .doctor import DoctorClient
    from .handoffs import HandoffsClient
    from .holders import HoldersClient
    from .library import LibraryClient
    from .library_blobs import LibraryBlobsClient
    from .library_check import LibraryCheckClient
    from .library_content import LibraryContentClient
    from .library_topics import LibraryTopicsClient
    from .life import UnitLifeClient
    from .policies import PoliciesClient
    from .proposals import ProposalsClient
    from .queues import QueuesClient
    from .registration import RegistrationClient
    from .routing import RoutingClient

__all__ = ["Connection", "Credentials", "RetryPolicy", "ServiceError", "Target", "raising_service_errors", "read_profile"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What we prove ourselves with, and the root that the other side must prove itself under."""

    material: Material

    @classmethod
    def from_directory(cls, folder: Path | str) -> Credentials:
        """Read `tls.key`, `tls.crt` and `ca.crt` of a profile folder or a mounted secret.

        Raises:
            Refused: SECURITY_FILE_* naming the file, SECURITY_KEY_MISMATCH, SECURITY_CHAIN_MISMATCH.
        """
        return cls(load_material(Path(folder)))

    @classmethod
    def from_files(cls, certificate: Path | str, key: Path | str, root: Path | str) -> Credentials:
        """Read three PEM files; refusals as `from_directory`."""
        return cls(load_material_files(Path(certificate), Path(key), Path(root)))


class Connection:
    """Use it with `async with`; nothing is dialled before the first call. Typed clients are its attributes.

    Args:
        address: `host:port`.
        target: whom we talk to, language and default deadline.
        credentials: what we prove ourselves with.
        retry: how failed calls are repeated.
    """

    def __init__(self, target: Target, credentials: Credentials, retry: RetryPolicy) -> None:
        self._target = target
        self._credentials = credentials
        self._retry = retry
        self._channel: grpc.aio.Channel | None = None

    @classmethod
    def open(
        cls,
        address: str,
        member: str,
        credentials: Credentials,
        *,
        locale: str = "en",
        timeout: float = 10.0,
        retry: RetryPolicy | None = None,
    ) -> Self:
        """Describe a connection.

        Args:
            address: `host:port` of the hub or a node.
            member: who must answer there, `hub` or a province code; proved by its certificate.
            credentials: from a profile folder.
            locale: language of sentences, `en` or `zh`.
            timeout: seconds that a call may take unless it says otherwise.
            retry: how failed calls are repeated.
        """
        return cls(Target(member, address, timeout, choose_locale(locale)), credentials, retry or RetryPolicy())

    @classmethod
    def open_profile(cls, folder: Path | str, *, locale: str = "en", timeout: float = 10.0, retry: RetryPolicy | None = None) -> Self:
        """Describe the connection that a profile folder names: `profile.toml` (address, member) beside the certificate.

        Raises:
            Refused: SECURITY_FILE_* naming the file, SECURITY_PROFILE_MALFORMED, SECURITY_KEY_MISMATCH, SECURITY_CHAIN_MISMATCH.
        """
        address, member = read_profile(Path(folder))
        return cls.open(address, member, Credentials.from_directory(folder), locale=locale, timeout=timeout, retry=retry)

    async def __aenter__(self) -> Self:
        options = channel_options(self._target.member)
        self._channel = grpc.aio.secure_channel(self._target.address, channel_credentials(self._credentials.material), options=options)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._channel is not None:
            await self._channel.close()

    @property
    def member(self) -> str:
        """Who must answer: `hub` or a province code."""
        return self._target.member

    @property
    def locale(self) -> str:
        """The language of sentences."""
        return self._target.locale

    @cached_property
    def calls(self) -> Calls:
        """What the typed clients call through.

        Raises:
            RuntimeError: used outside of `async with` (a bug).
        """
        if self._channel is None:
            raise RuntimeError("use the connection inside `async with`")
        return Calls(self._channel, self._target, self._retry)

    # Each capability's client is loaded when it is first used, so that a script pays only for what it needs.

    @cached_property
    def registration(self) -> RegistrationClient:
        """Members, units and tokens (hub); how the node stands (node)."""
        from .registration import RegistrationClient

        return RegistrationClient(self.calls)

    @cached_property
    def holders(self) -> HoldersClient:
        """Operators, desktops and business systems there."""
        from .holders import HoldersClient

        return HoldersClient(self.calls, self.member)

    @cached_property
    def coverage(self) -> CoverageClient:
        """Who answers for what, and the coverage report."""
        from .coverage import CoverageClient

        return CoverageClient(self.calls)

    @cached_property
    def routing(self) -> RoutingClient:
        """Where a call would go, and why."""
        from .routing import RoutingClient

        return RoutingClient(self.calls)

    @cached_property
    def lives(self) -> UnitLifeClient:
        """The lives of units: steps, proofs, approvals."""
        from .life import UnitLifeClient

        return UnitLifeClient(self.calls)

    @cached_property
    def queues(self) -> QueuesClient:
        """How units' queues stand (node)."""
        from .queues import QueuesClient

        return QueuesClient(self.calls)

    @cached_property
    def policies(self) -> PoliciesClient:
        """Rules of units about calls."""
        from .policies import PoliciesClient

        return PoliciesClient(self.calls)

    @cached_property
    def handoffs(self) -> HandoffsClient:
        """Calls handed over (node)."""
        from .handoffs import HandoffsClient

        return HandoffsClient(self.calls)

    @cached_property
    def callbacks(self) -> CallbacksClient:
        """Callbacks and messages, and last resorts carried out (node)."""
        from .callbacks import CallbacksClient

        return CallbacksClient(self.calls)

    @cached_property
    def desk(self) -> DeskClient:
        """Calls as they come to a consultant's desktop (node)."""
        from .desk import DeskClient

        return DeskClient(self.calls, self.handoffs)

    @cached_property
    def library(self) -> LibraryClient:
        """The resource library."""
        from .library import LibraryClient

        return LibraryClient(self.calls)

    @cached_property
    def library_content(self) -> LibraryContentClient:
        """Earlier texts of the library."""
        from .library_content import LibraryContentClient

        return LibraryContentClient(self.calls)

    @cached_property
    def proposals(self) -> ProposalsClient:
        """Proposals to the library, and local supplements to it."""
        from .proposals import ProposalsClient

        return ProposalsClient(self.calls, self.member)

    @cached_property
    def library_topics(self) -> LibraryTopicsClient:
        """The library's classification."""
        from .library_topics import LibraryTopicsClient

        return LibraryTopicsClient(self.calls)

    @cached_property
    def library_blobs(self) -> LibraryBlobsClient:
        """Files of the library, and what is played for prompts."""
        from .library_blobs import LibraryBlobsClient

        return LibraryBlobsClient(self.calls)

    @cached_property
    def library_check(self) -> LibraryCheckClient:
        """Checking a node's copy of the library."""
        from .library_check import LibraryCheckClient

        return LibraryCheckClient(self.calls)

    @cached_property
    def cases(self) -> CasesClient:
        """Cases (node; the hub shows them)."""
        from .cases import CasesClient

        return CasesClient(self.calls)

    @cached_property
    def audit(self) -> AuditClient:
        """Who did what and who looked at what."""
        from .audit import AuditClient

        return AuditClient(self.calls)

    @cached_property
    def doctor(self) -> DoctorClient:
        """How an installation is."""
        from .doctor import DoctorClient

        return DoctorClient(self.calls)

    @cached_property
    def delivery(self) -> DeliveryClient:
        """What waits for whom."""
        from .delivery import DeliveryClient

        return DeliveryClient(self.calls)


def read_profile(folder: Path) -> tuple[str, str]:
    """The address and member that a profile folder names.

    Raises:
        Refused: SECURITY_FILE_* naming the file, SECURITY_PROFILE_MALFORMED.
    """
    path = folder / "profile.toml"
    try:
        values = tomllib.loads(read_file(path).decode())
        return str(values["address"]), str(values["member"])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise Refused(refuse(PROFILE_MALFORMED, path=path)) from error
