"""What the hub does with members' certificates: issues and registers them, revokes them, and refuses the revoked."""

from __future__ import annotations

from datetime import datetime, timedelta

from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.signing.authority import Issued, check_request
from twelve333.adapters.signing.keys import fingerprint_of
from twelve333.adapters.telemetry.logs import logger
from twelve333.core.decision import Refused, accepted
from twelve333.core.identity import dns_name, node_identity
from twelve333.core.registration.certificates import renew, revoke
from twelve333.core.registration.model import Certificate

from ..context import HubContext
from ..store import certificates as store
from ..store import registration
from .directory import republish

KEPT_BEYOND = timedelta(days=365)  # what a certificate was and when it ended, for those who look into an incident

log = logger("registration")
_renewed = metrics.get_meter("twelve333.registration").create_counter(
    "twelve333.registration.renewals", unit="{certificate}", description="certificates of members renewed"
)
_revoked = metrics.get_meter("twelve333.registration").create_counter(
    "twelve333.registration.keys_revoked", unit="{key}", description="keys of members revoked"
)


def names_of(province: str) -> list[str]:
    """The DNS names of a node's certificate."""
    return [dns_name(province), "localhost"]


def issue_to_member(hub: HubContext, tx: Connection, province: str, signing_request: bytes, now: datetime) -> Issued:
    """Issue a certificate to a node and enter it in the register, in one unit of work; the caller has decided that it may have one.

    Raises:
        Refused: SECURITY_REQUEST_*, SECURITY_AUTHORITY_EXPIRED.
    """
    identity, names = node_identity(province), names_of(province)
    key = fingerprint_of(check_request(signing_request, identity, names).public_key())
    issued = hub.authority.issue(signing_request, identity, names, timedelta(days=hub.settings.certificate_days), now)
    store.add_certificate(tx, Certificate(issued.serial, province, key, now, issued.not_after))
    return issued


async def revoke_member(hub: HubContext, province: str, reason: str, now: datetime) -> tuple[int, int]:
    """Revoke all keys of a member, tell every other member, and refuse it here from now on.

    Returns:
        The version of the directory that says so, and how many keys are refused now that were not before.

    Raises:
        Refused: REGISTRATION_MEMBER_UNKNOWN, REGISTRATION_REASON_MISSING.
    """

    def keep(tx: Connection) -> tuple[int, int]:
        member = next((each for each in registration.load_members(tx) if each.name == province), None)
        decision = accepted(revoke(member, store.load_certificates(tx, province), province, reason, now))
        store.save_revoked(tx, decision.state)
        row = registration.load_directory(tx)
        version = republish(hub, tx, now) if decision.events else row.version if row else 0
        return version, len(decision.events)

    version, keys = await hub.audit.write("registration.revoke", province, keep)
    await refresh_revocations(hub)
    _revoked.add(keys)
    log.warning("member revoked", member=province, count=keys, version=version)
    return version, keys


async def renew_member(hub: HubContext, province: str, signing_request: bytes, now: datetime) -> str:
    """Issue a new certificate for the key that the member joined with.

    Returns:
        The chain, PEM.

    Raises:
        Refused: REGISTRATION_MEMBER_UNKNOWN, _KEY_REVOKED, _KEY_NOT_YOURS, SECURITY_REQUEST_*.
    """
    key = fingerprint_of(check_request(signing_request, node_identity(province), names_of(province)).public_key())

    def keep(tx: Connection) -> Issued:
        member = next((each for each in registration.load_members(tx) if each.name == province), None)
        if refusal := renew(member, store.load_certificates(tx, province), province, key):
            raise Refused(refusal)
        store.forget_ended(tx, province, now - KEPT_BEYOND)
        return issue_to_member(hub, tx, province, signing_request, now)

    issued = await hub.audit.write("registration.renew", province, keep)
    _renewed.add(1)
    return issued.chain.decode()


async def refresh_revocations(hub: HubContext) -> None:
    """Go by the register as it is now."""
    hub.revocations.use(*await hub.database.read(store.revoked_names))
