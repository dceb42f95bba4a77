"""Puts the hub together: the only place where its parts are wired."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from twelve333.adapters import hosting, runner
from twelve333.adapters.audit import HEAD, AuditHandlers, HeadTelling, witness_heads
from twelve333.adapters.audit_witnesses import WitnessAsking
from twelve333.adapters.bus.sealed import Sealing
from twelve333.adapters.clock import system_clock
from twelve333.adapters.copies import Copies
from twelve333.adapters.coverage import CoverageHandlers
from twelve333.adapters.delivery_status import DeliveryHandlers
from twelve333.adapters.doctor import DoctorHandlers
from twelve333.adapters.holders import HolderHandlers
from twelve333.adapters.relay import DeliveryPeerHandlers, GrpcDirect, Relay
from twelve333.adapters.retention import TEXTS_DELETED, Keeper, delete_told
from twelve333.adapters.rpc.credentials import FollowedCredentials, server_credentials
from twelve333.adapters.rpc.health import Health
from twelve333.adapters.rpc.holders import both
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.rpc.server import Listener, Register
from twelve333.adapters.rpc.tracing import trace_interceptors
from twelve333.adapters.runner import Background
from twelve333.adapters.signing.document_keys import load_vouchers
from twelve333.adapters.signing.documents import load_signing_key
from twelve333.adapters.signing.fields import open_cipher
from twelve333.adapters.signing.issuing import FollowedAuthority
from twelve333.adapters.signing.sealing import Opener
from twelve333.adapters.sql.cases_inbound import case_appliers
from twelve333.adapters.sql.delivery import Appliers, Delivery
from twelve333.adapters.sql.instances import Home, home_of
from twelve333.adapters.sql.library_derived import derive_all
from twelve333.api.audit.v1 import audit_pb2_grpc
from twelve333.api.cases.v1 import service_pb2_grpc as cases_grpc
from twelve333.api.coverage.v1 import service_pb2_grpc as coverage_grpc
from twelve333.api.delivery.v1 import instance_pb2_grpc, peer_pb2_grpc
from twelve333.api.delivery.v1 import service_pb2_grpc as delivery_grpc
from twelve333.api.doctor.v1 import doctor_pb2_grpc
from twelve333.api.library.v1 import copying_pb2_grpc
from twelve333.api.library.v1 import recovery_pb2_grpc as library_return_grpc
from twelve333.api.library.v1 import service_pb2_grpc as library_grpc
from twelve333.api.registration.v1 import keys_pb2_grpc, life_pb2_grpc, recovery_pb2_grpc
from twelve333.api.registration.v1 import service_pb2_grpc as registration_grpc
from twelve333.api.routing.v1 import policy_service_pb2_grpc
from twelve333.core.audit.witnesses import witnesses_of
from twelve333.core.identity import FEDERATION_DOMAIN
from twelve333.core.ids import HUB
from twelve333.data import provinces

from .access import ENROLMENT, FEDERATION
from .broker import BrokerMembers
from .context import HubContext
from .dated import DatedChanges
from .doctor import live_checks
from .endpoints import MemberEndpoints
from .examining import Examining, reaching
from .handlers.cases import CaseHandlers
from .handlers.certificates import refresh_revocations
from .handlers.coverage import DirectorySnapshot, UnitHistory
from .handlers.demand import keep_demand
from .handlers.directory import publish_roots, reconcile
from .handlers.encryption import EncryptionKeyHandlers, MemberKeys, list_own_key
from .handlers.enrolment import EnrolmentHandlers
from .handlers.holders import holder_register
from .handlers.instances import InstanceHandlers, take_seen_fork
from .handlers.library import LibraryPublishHandlers, LibrarySyncHandlers, keep_refusal, keep_report, library_reading
from .handlers.library_copying import HubCopyHandlers, renew_checkpoint
from .handlers.library_recovery import LibraryReturnHandlers
from .handlers.life import UnitLifeHandlers, UnitRecordHandlers
from .handlers.policies import RoutingPolicyHandlers
from .handlers.proposals import proposal_service
from .handlers.recovery import DirectoryReturnHandlers, load_recovery
from .handlers.registration import RegistrationHandlers
from .handlers.routing import HANDOFFS_ASKED, return_handoffs, take_told_handoff
from .handlers.standing import STANDING, take_standing
from .keeping import give_first
from .library_services import keep_told_playing, keep_told_unit_playing, library_services
from .library_unused import removing
from .renewal import Renewal
from .settings import HubSettings
from .silence import SEEN, Silence
from .store import cases, delivery_of, library
from .store.audit import log as audit_log
from .store.registration import member_names
from .store.retention import store as kept_for_a_while

SERVICE = "national_hub"
KEY_CHECK_SECONDS = 30.0
CHECKPOINT_SECONDS = 60.0
ASKED_WITNESSES = 3


async def serve(settings: HubSettings) -> None:
    """Run the hub until it is told to stop."""
    await runner.run(partial(assemble, settings))


async def assemble(settings: HubSettings, stack: AsyncExitStack) -> None:
    """Start everything; the stack knows how to stop it.

    Raises:
        Refused: keys, database or addresses are not as they must be.
    """
    await hosting.start_telemetry(stack, SERVICE, HUB, settings)
    pki, drain = settings.pki_directory, settings.drain_seconds
    authority, documents = FollowedAuthority(pki / "authority"), load_signing_key(pki / "documents.key")
    federation_tls = server_credentials(pki / "federation")
    enrolment_tls = server_credentials(pki / "enrolment", callers_prove_themselves=False)
    home = await home_of(settings.database_url)
    database = await hosting.start_database(stack, SERVICE, settings)
    delivery, own = delivery_of(HUB, settings.delivery.backlog_events_max), open_cipher(settings.fields_keyring, settings.cipher)
    parts = settings, database, delivery.outbox, system_clock, authority, documents
    hub = HubContext(*parts, sealing_key=own.public_key, records=audit_log.using(settings.digest), vouchers=load_vouchers(pki))
    await reconcile(hub)
    health = Health("database", "copy")
    endpoints, keys = MemberEndpoints(database), MemberKeys(database)
    peers = Peers(endpoints.endpoint_of, FollowedCredentials(hosting.federation_folder(settings)), trace_interceptors())
    stack.push_async_callback(peers.close)
    direct, witnesses = GrpcDirect(peers, endpoints.refresh), WitnessAsking(peers, partial(_witnesses, endpoints))
    sealing = Sealing(Opener(own.sealing_keys), keys.key_of, settings.broker.plain_payloads)
    await list_own_key(hub)
    await asyncio.gather(refresh_revocations(hub), _remember(hub), derive_all(database, library.tables))
    silence, refused = Silence(hub, delivery), hub.revocations
    copies, instances = await _copies(hub, delivery, home)
    signing = hosting.signing_of(settings, refused, instances.signs, hub.clock)
    (proposing, of_proposals), broker = proposal_service(hub, signing), BrokerMembers(hub)
    told = {**appliers(hub, delivery, silence), **of_proposals}
    carried = settings, database, delivery, told, hub.clock, direct, sealing, signing, copies
    known = await database.read(member_names)
    relay = await hosting.start_relay(stack, *carried, [HUB, *provinces()], refused.covers, broker.attach, known)
    limits, locale, people = hosting.limits_of(settings), settings.locale, await HolderHandlers.of(holder_register(hub))
    admission = both(refused.admit, people.holders.admit)
    federation = Listener(settings.listen.federation, federation_tls, FEDERATION_DOMAIN, admission, limits, locale)
    claims = partial(instance_pb2_grpc.add_InstanceServiceServicer_to_server, instances)
    records = _recording(hub, Examining(signing.verifier, reaching(peers, endpoints.refresh), hub.clock))
    reading = library_reading(hub)
    offered: list[Register] = [records, claims, proposing, people.register]
    offered.append(partial(library_grpc.add_LibraryServiceServicer_to_server, reading))
    offered += services(hub, relay, keys, witnesses, delivery, copies, people)
    await hosting.start_listener(stack, federation, [*offered, health.register], FEDERATION, drain)
    enrolment = Listener(settings.listen.enrolment, enrolment_tls, None, limits=limits, locale=locale)
    await hosting.start_listener(stack, enrolment, [_enrolling(hub)], ENROLMENT, drain)
    await hosting.start_health(stack, settings.listen.health, health, database, delivery)
    for each in (broker.background, reading.background, *_by_itself(hub, delivery, silence), *_kept_fresh(hub)):
        await hosting.start_background(stack, each)


async def _remember(hub: HubContext) -> None:
    """What was lost in a restore is asked for first; members that are asked are given nothing to keep until they have answered."""
    await load_recovery(hub)
    await give_first(hub)


def _by_itself(hub: HubContext, delivery: Delivery, silence: Silence) -> Sequence[Background]:
    """What the hub tells, deletes and watches, again and again."""
    telling = HeadTelling(hub.database, audit_log, delivery.outbox, hub.clock, member_names)
    keeper = Keeper(hub.settings, hub.database, delivery, kept_for_a_while, hub.records, hub.clock)
    return [
        Background("retention", keeper.step, keeper.every_seconds),
        Background("audit head", telling.step, hub.settings.audit.head_seconds),
        silence.background,
        DatedChanges(hub).background,
        removing(hub),
    ]


def _recording(hub: HubContext, examining: Examining) -> Register:
    return partial(life_pb2_grpc.add_UnitRecordServiceServicer_to_server, UnitRecordHandlers(hub, examining))


def _enrolling(hub: HubContext) -> Register:
    return partial(registration_grpc.add_EnrolmentServiceServicer_to_server, EnrolmentHandlers(hub))


def _kept_fresh(hub: HubContext) -> Sequence[Background]:
    """What the hub signs, lists or renews in good time."""
    every = hub.settings.certificate_check_seconds
    return [
        Background("library checkpoint", partial(renew_checkpoint, hub), CHECKPOINT_SECONDS),
        Background("encryption key", partial(list_own_key, hub), KEY_CHECK_SECONDS),
        Background("trusted roots", partial(publish_roots, hub), every),
        Background("certificate", Renewal(hub).step, every),
    ]


async def _copies(hub: HubContext, delivery: Delivery, home: Home) -> tuple[Copies, InstanceHandlers]:
    """This process among the copies of the hub, and who decides about those of members."""
    copies = Copies(hub.database, delivery, home, hub.clock, None)
    await copies.begin()
    instances = InstanceHandlers(hub, delivery, copies)
    await instances.load()
    return copies, instances


async def _witnesses(endpoints: MemberEndpoints) -> Sequence[str]:
    """Who is asked for what it witnessed of the hub's log; every node is told its heads."""
    await endpoints.refresh()
    return witnesses_of(HUB, endpoints.names(), ASKED_WITNESSES)


def services(
    hub: HubContext,
    relay: Relay,
    keys: MemberKeys,
    witnesses: WitnessAsking,
    delivery: Delivery,
    copies: Copies,
    people: HolderHandlers,
) -> Sequence[Register]:
    """What the federation listener offers."""
    told = DeliveryHandlers(hub.database, delivery, relay.intake, lambda: relay.connected)
    checks = live_checks(hub, delivery, lambda: relay.connected)
    returning = DirectoryReturnHandlers(hub, keys, delivery.alarms, people.refresh)
    return [
        partial(delivery_grpc.add_DeliveryServiceServicer_to_server, told),
        partial(doctor_pb2_grpc.add_DoctorServiceServicer_to_server, DoctorHandlers(HUB, checks, hub.clock)),
        partial(audit_pb2_grpc.add_AuditServiceServicer_to_server, AuditHandlers(hub.database, audit_log, HUB, witnesses)),
        partial(peer_pb2_grpc.add_DeliveryPeerServiceServicer_to_server, DeliveryPeerHandlers(relay.intake, copies.ready)),
        partial(registration_grpc.add_RegistrationServiceServicer_to_server, RegistrationHandlers(hub)),
        partial(life_pb2_grpc.add_UnitLifeServiceServicer_to_server, UnitLifeHandlers(hub)),
        partial(recovery_pb2_grpc.add_DirectoryReturnServiceServicer_to_server, returning),
        partial(keys_pb2_grpc.add_EncryptionKeyServiceServicer_to_server, EncryptionKeyHandlers(hub, keys)),
        partial(coverage_grpc.add_CoverageServiceServicer_to_server, CoverageHandlers(DirectorySnapshot(hub), hub.clock, UnitHistory(hub))),
        partial(policy_service_pb2_grpc.add_RoutingPolicyServiceServicer_to_server, RoutingPolicyHandlers(hub)),
        partial(cases_grpc.add_CaseServiceServicer_to_server, CaseHandlers(hub)),
        partial(library_grpc.add_LibraryPublishServiceServicer_to_server, LibraryPublishHandlers(hub)),
        partial(library_return_grpc.add_LibraryReturnServiceServicer_to_server, LibraryReturnHandlers(hub)),
        partial(library_grpc.add_LibrarySyncServiceServicer_to_server, LibrarySyncHandlers(hub)),
        *library_services(hub),
        partial(copying_pb2_grpc.add_LibraryCopyServiceServicer_to_server, HubCopyHandlers(hub)),
    ]


def appliers(hub: HubContext, delivery: Delivery, silence: Silence) -> Appliers:
    """What to do with each event that members tell the hub."""
    return {
        HEAD: witness_heads(hub.records),
        STANDING: take_standing,
        TEXTS_DELETED: delete_told(kept_for_a_while, hub.records),
        **case_appliers(cases.store, delivery.following(), hub.records),
        "twelve333.api.delivery.v1.ForkSeen": take_seen_fork(delivery),
        "twelve333.api.routing.v1.HandoffEvent": silence.noting_calls(take_told_handoff),
        HANDOFFS_ASKED: return_handoffs(delivery.outbox),
        SEEN: silence.take_seen,
        "twelve333.api.library.v1.PromptPlaying": keep_told_playing,
        "twelve333.api.library.v1.UnitPromptPlaying": keep_told_unit_playing,
        "twelve333.api.library.v1.ReleaseApplied": keep_report,
        "twelve333.api.library.v1.SearchDemandTold": keep_demand,
        "twelve333.api.library.v1.ReleaseRefused": keep_refusal,
    }
