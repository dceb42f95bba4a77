"""Gets back from the nodes what a hub that was put back to a backup had signed since.

Every node holds the last directory it was given, with the hub's own signature. `GetDirectory` asks each for it once before it gives
the present one; what comes back is checked like anything from outside, compared with what the backup knew, and entered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import date, datetime, timedelta

from google.protobuf.message import DecodeError
from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.sql.alarms import Alarms
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.coverage.v1.coverage_pb2 import Declaration
from twelve333.api.registration.v1 import recovery_pb2 as pb
from twelve333.api.registration.v1 import recovery_pb2_grpc
from twelve333.api.registration.v1.registration_pb2 import Directory
from twelve333.api.routing.v1.policy_pb2 import RoutingPolicy
from twelve333.core.coverage.dated import begins_at
from twelve333.core.decision import Refused, refuse
from twelve333.core.registration import codes
from twelve333.core.registration.model import Member, Unit
from twelve333.core.registration.recovery import ListedKey, certificates_after, lost
from twelve333.wire.registration import member_from_wire, unit_from_wire
from twelve333.wire.times import from_timestamp

from ..context import HubContext
from ..keeping import give_all
from ..store import certificates, coverage, policies, recovery, unit_history
from ..store import registration as store
from ..store.encryption import load_keys, save_key
from .certificates import refresh_revocations
from .directory import PURPOSE, republish
from .encryption import MemberKeys
from .records import name_lost_steps, read_records, recover_records

log = logger("registration")


class DirectoryReturnHandlers(recovery_pb2_grpc.DirectoryReturnServiceServicer):
    """See `DirectoryReturnService`.

    Args:
        hub: the hub's ports.
        keys: members' keys in memory, read again when some came back.
        alarms: of the hub: names what nobody hands back.
        refresh: reads again which operators count.
    """

    def __init__(self, hub: HubContext, keys: MemberKeys, alarms: Alarms, refresh: Callable[[], Awaitable[None]]) -> None:
        self._hub, self._keys, self._alarms, self._refresh = hub, keys, alarms, refresh

    async def ReturnDirectory(
        self, request: pb.ReturnDirectoryRequest, context: ServicerContext[pb.ReturnDirectoryRequest, pb.ReturnDirectoryResponse]
    ) -> pb.ReturnDirectoryResponse:
        """Take from the caller's directory what was lost here."""
        hub, caller = self._hub, current_caller().member
        payload = hub.verify_own(request.directory, PURPOSE)
        directory, now, records = _read(payload), hub.clock(), read_records(hub, request.records)
        awaited = hub.recovery.awaits(caller)

        def keep(tx: Connection) -> tuple[int, int]:
            entered = recover(tx, directory, payload, timedelta(days=hub.settings.certificate_days), now)
            entered += recover_records(hub, tx, records, now)
            if awaited:
                give_all(hub, tx, caller, now)
                name_lost_steps(hub, tx, self._alarms, caller, now)
            recovery.keep_return(tx, caller, directory.version, entered, now)
            row = store.load_directory(tx)
            return republish(hub, tx, now) if entered or row is None else row.version, entered

        version, entered = await hub.audit.write("registration.recover", caller, keep)
        hub.recovery.done(caller)
        await refresh_revocations(hub)
        await asyncio.gather(self._keys.refresh(), self._refresh())
        if entered:
            log.warning("directory recovered from a member", member=caller, version=directory.version, count=entered)
        return pb.ReturnDirectoryResponse(directory_version=version, entered=entered)


async def load_recovery(hub: HubContext) -> None:
    """Know after a start who has handed back what it holds."""
    if row := await hub.database.read(recovery.load_recovery):
        returned = await hub.database.read(recovery.returned_by)
        hub.recovery.begin(returned, library_settled=row.library_settled_at is not None)


def recover(tx: Connection, later: Directory, payload: bytes, certificate_life: timedelta, now: datetime) -> int:
    """Enter what a directory of before the restore knew and we do not; how much it was."""
    last = recovery.load_recovery(tx)
    if last is None or from_timestamp(later.made_at) >= last.began_at:
        return 0  # nothing was lost, or it is of our present life
    entered = 0
    if later.version > last.version:
        entered += _enter(tx, Directory.FromString(last.directory), later, now)
        recovery.keep_newest(tx, later.version, payload)
    return entered + _enter_keys(tx, later, now + certificate_life, now)


def _enter(tx: Connection, before: Directory, later: Directory, now: datetime) -> int:
    members = lost(_members(before), {member.name: member for member in store.load_members(tx)}, _members(later))
    units = lost(_units(before), {unit.code: unit for unit in store.load_units(tx)}, _units(later))
    ours = {declaration.unit: declaration for declaration in coverage.load_declarations(tx, now)}
    declared = lost({each.unit: each for each in before.declarations}, ours, {each.unit: each for each in later.declarations})
    dated = lost(_dated(before.upcoming), _dated(coverage.load_upcoming(tx, now)), _dated(later.upcoming))
    rules = lost(_rules(before.policies), _rules(policies.load_policies(tx)), _rules(later.policies))
    keys = lost(_keys(before), load_keys(tx), _keys(later))
    for member in members.values():
        store.save_member(tx, member)
    store.save_units(tx, list(units.values()))
    unit_history.note_units(tx, units.values(), from_timestamp(later.made_at))  # then at the latest
    for unit, declaration in declared.items():
        coverage.keep_declaration(tx, unit, declaration, now)
    for (_, day), declaration in dated.items():
        coverage.keep_declaration(tx, declaration.unit, declaration, now, begins_at(date.fromisoformat(day)))
    for policy in rules.values():
        policies.keep_policy(tx, policy, now)
    for name, key in keys.items():
        save_key(tx, name, key, now)
    return len(members) + len(units) + len(declared) + len(dated) + len(rules) + len(keys)


def _enter_keys(tx: Connection, later: Directory, ends: datetime, now: datetime) -> int:
    """What the register must know of keys so that they can be renewed, revoked, and stay revoked."""
    present = {member.name: member.key_fingerprint for member in store.load_members(tx)}
    listed = [ListedKey(each.name, each.key_fingerprint, ends) for each in later.members if present.get(each.name) == each.key_fingerprint]
    revoked = [
        ListedKey(each.member, each.key_fingerprint, from_timestamp(each.not_after), from_timestamp(each.revoked_at))
        for each in later.revocations
    ]
    entered = 0
    for key in [*listed, *revoked]:
        held = {each.serial: each for each in certificates.load_certificates(tx, key.member)}
        was_revoked = any(each.revoked_at for each in held.values() if each.key_fingerprint == key.key_fingerprint)
        for changed in certificates_after(held, key, now).values():
            certificates.put_certificate(tx, changed)
        entered += key.revoked_at is not None and not was_revoked
    return entered


def _members(directory: Directory) -> Mapping[str, Member]:
    return {member.name: member_from_wire(member) for member in directory.members}


def _dated(listed: Iterable[Declaration]) -> Mapping[tuple[str, str], Declaration]:
    return {(declaration.unit, declaration.in_force_from): declaration for declaration in listed}


def _units(directory: Directory) -> Mapping[str, Unit]:
    return {unit.code: unit_from_wire(unit) for unit in directory.units}


def _rules(listed: Iterable[RoutingPolicy]) -> Mapping[str, RoutingPolicy]:
    return {policy.unit: policy for policy in listed}


def _keys(directory: Directory) -> Mapping[str, bytes]:
    return {member.name: member.encryption_key for member in directory.members if member.encryption_key}


def _read(payload: bytes) -> Directory:
    try:
        return Directory.FromString(payload)
    except DecodeError as error:
        raise Refused(refuse(codes.DIRECTORY_REFUSED, reason="unreadable")) from error
