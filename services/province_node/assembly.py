"""Puts a node together: the only place where its parts are wired."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import filterfalse

from twelve333.adapters import hosting, runner
from twelve333.adapters.audit import HEAD, AuditHandlers, HeadTelling, witness_heads
from twelve333.adapters.audit_witnesses import WitnessAsking
from twelve333.adapters.bus.sealed import Sealing
from twelve333.adapters.bus.signed import Signing
from twelve333.adapters.clock import system_clock
from twelve333.adapters.copies import Copies
from twelve333.adapters.delivery_status import DeliveryHandlers
from twelve333.adapters.doctor import DoctorHandlers
from twelve333.adapters.holders import HolderHandlers
from twelve333.adapters.relay import DeliveryPeerHandlers, GrpcDirect, Relay
from twelve333.adapters.retention import TEXTS_DELETED, Keeper, delete_told
from twelve333.adapters.rpc.access import Admission, Shown
from twelve333.adapters.rpc.credentials import FollowedCredentials, server_credentials
from twelve333.adapters.rpc.health import Health
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.rpc.server import Listener, Register
from twelve333.adapters.rpc.tracing import trace_interceptors
from twelve333.adapters.runner import Background
from twelve333.adapters.signing.document_keys import load_pinned
from twelve333.adapters.signing.fields import open_cipher
from twelve333.adapters.signing.sealing import Opener
from twelve333.adapters.sql.cases_inbound import case_appliers
from twelve333.adapters.sql.delivery import Appliers, Delivery
from twelve333.adapters.sql.instances import home_of
from twelve333.adapters.sql.library_derived import derive_all
from twelve333.api.audit.v1 import audit_pb2_grpc
from twelve333.api.cases.v1 import service_pb2_grpc as cases_grpc
from twelve333.api.coverage.v1 import service_pb2_grpc as coverage_grpc
from twelve333.api.delivery.v1 import peer_pb2_grpc
from twelve333.api.delivery.v1 import service_pb2_grpc as delivery_grpc
from twelve333.api.doctor.v1 import doctor_pb2_grpc
from twelve333.api.library.v1 import service_pb2_grpc as library_grpc
from twelve333.api.registration.v1 import life_pb2_grpc, verify_pb2_grpc
from twelve333.api.registration.v1 import service_pb2_grpc as registration_grpc
from twelve333.api.routing.v1 import callback_pb2_grpc, desk_pb2_grpc, queue_pb2_grpc, replay_pb2_grpc, slots_pb2_grpc, test_call_pb2_grpc
from twelve333.api.routing.v1 import service_pb2_grpc as routing_grpc
from twelve333.core.audit.witnesses import witnesses_of
from twelve333.core.decision import Refusal
from twelve333.core.identity import FEDERATION_DOMAIN, Caller, local_domain
from twelve333.core.ids import HUB
from twelve333.core.registration.freshness import Freshness, Limits

from .access import DESK, FEDERATION
from .alarms import Alarms
from .books import EVERY_SECONDS as BOOKS_SECONDS
from .books import Bookkeeping
from .calls import CallParts
from .context import NodeContext
from .copies import AskHub
from .demand import DemandCounting
from .directory import DirectoryReplica
from .doctor import live_checks
from .encryption import DirectoryKeys
from .handlers.callbacks import CallbackHandlers, take_asked_callback, take_ended_callback
from .handlers.cases import CaseHandlers
from .handlers.coverage import coverage_handlers
from .handlers.desk import DeskHandlers
from .handlers.handoff import HandoffHandlers, RoutingHandlers
from .handlers.holders import holder_register
from .handlers.life import UnitLifeHandlers
from .handlers.proposals import proposal_appliers, proposal_services
from .handlers.queues import QueueHandlers
from .handlers.registration import DirectoryPull, NodeHandlers, on_directory_changed
from .handlers.replay import ReplayHandlers
from .handlers.routing import HandoffPeerHandlers, take_outcome, take_told_handoff
from .handlers.slots import SlotPeerHandlers
from .handlers.verify import TestCallPeerHandlers, UnitVerifyHandlers
from .handoff_returns import HandoffReturns
from .library_work import LibraryWork
from .moved_cases import LOOK_SECONDS, MovedCases
from .page import start_library_page
from .queues import QueueBoard
from .records import GIVEN, keep_given
from .renewal import Renewal
from .settings import NodeSettings
from .signs import SignTelling
from .split import noticing_splits
from .standing import StandingTelling
from .store import cases, delivery_of, library
from .store.audit import log as audit_log
from .store.retention import store as kept_for_a_while
from .test_calls import CallTesting

SERVICE = "province_node"
SWEEP_SECONDS = 2.0
DESK_RPCS_MAX = 10_000  # each desktop that listens holds one for as long as it does
FORGET_SECONDS = 60.0


async def serve(settings: NodeSettings) -> None:
    """Run the node until it is told to stop."""
    await runner.run(partial(assemble, settings))


async def assemble(settings: NodeSettings, stack: AsyncExitStack) -> None:
    """Start everything; the stack knows how to stop it.

    Raises:
        Refused: keys, database or addresses are not as they must be.
    """
    await hosting.start_telemetry(stack, SERVICE, settings.province, settings)
    federation_tls = server_credentials(hosting.federation_folder(settings))
    desk_tls = server_credentials(settings.pki_directory / "desk")
    home = await home_of(settings.database_url)
    delivery = delivery_of(settings.province, settings.delivery.backlog_events_max)
    node = await _context(settings, delivery, stack)
    copies = Copies(node.database, delivery, home, node.clock, AskHub(node, delivery))
    await copies.begin()
    calls = CallParts.of(node)
    stack.push_async_callback(calls.errands.stop)
    health = Health("database", "directory", "copy", details=("directory.fresh",))
    alarms = Alarms(node.database, node.clock, delivery.alarms)
    pull = DirectoryPull(node, alarms)
    pulling = Background("directory", pull.step, settings.hub.sync_seconds)
    copying = LibraryWork(node)
    told, refused = appliers(node, delivery, calls, pulling, copying), node.directory.revocations
    direct, own = GrpcDirect(node.peers), open_cipher(settings.fields_keyring, settings.cipher)
    keys = DirectoryKeys(node, own)
    sealing = Sealing(Opener(own.sealing_keys), keys.key_of, settings.broker.plain_payloads)
    signing = hosting.signing_of(settings, refused, node.directory.signs, node.clock)
    queue_board = QueueBoard(node.province, node.clock, calls.view, refused.covers)
    listening = partial(queue_board.attach, signing=signing)
    calls.visits.attach(signing)
    known = [member.name for member in node.directory.current.members]
    carried = settings, node.database, delivery, told, node.clock, direct, sealing, signing, copies
    relay = await hosting.start_relay(stack, *carried, (), refused.covers, listening, known)
    limits, locale, local = hosting.limits_of(settings), settings.locale, local_domain(node.province)
    federation = Listener(settings.listen.federation, federation_tls, FEDERATION_DOMAIN, _admission(node, delivery), limits, locale)
    peers = [*peer_services(node, calls, relay, copies), *copying.peer_services(), health.register]
    await hosting.start_listener(stack, federation, peers, FEDERATION, settings.drain_seconds)
    people = await HolderHandlers.of(holder_register(node))
    desk = Listener(settings.listen.desk, desk_tls, local, people.holders.admit, replace(limits, rpcs_max=DESK_RPCS_MAX), locale)
    queues: Register = partial(queue_pb2_grpc.add_QueueServiceServicer_to_server, QueueHandlers(queue_board, calls))
    counting, signs = DemandCounting(node), SignTelling(node, calls.view, lambda: queue_board.reported)
    reading = copying.reading(counting.count)
    library: Register = partial(library_grpc.add_LibraryServiceServicer_to_server, reading)
    offered = [*desk_services(node, calls, relay, pull, alarms, delivery, signing), people.register, queues]
    await hosting.start_listener(stack, desk, [*offered, *copying.desk_services(), library, health.register], DESK, settings.drain_seconds)
    await start_library_page(stack, node, reading, people.holders.admit)
    stack.push_async_callback(calls.desks.close)
    await hosting.start_health(stack, settings.listen.health, health, node.database, delivery)
    busy = _background(settings, node, delivery, calls, alarms, pull, keys, health)
    for each in (pulling, *copying.backgrounds, queue_board.telling, calls.desks.telling, signs.telling, counting.background, *busy):
        await hosting.start_background(stack, each)


def _background(
    settings: NodeSettings,
    node: NodeContext,
    delivery: Delivery,
    calls: CallParts,
    alarms: Alarms,
    pull: DirectoryPull,
    keys: DirectoryKeys,
    health: Health,
) -> Sequence[Background]:
    """What the node does by itself, again and again."""
    renewal, standing = Renewal(node, alarms, lambda: pull.hub_away), StandingTelling(node, alarms)
    keeper = Keeper(settings, node.database, delivery, kept_for_a_while, node.records, node.clock)
    books = Bookkeeping(calls.handoffs.counted, node.province, node.database, delivery, node.clock)
    telling = _head_telling(node, delivery)
    return [
        Background("retention", keeper.step, keeper.every_seconds),
        Background("audit head", telling.step, settings.audit.head_seconds),
        Background("encryption key", keys.tell_ours, settings.hub.sync_seconds),
        Background("certificate", renewal.step, settings.certificate_check_seconds),
        Background("standing", standing.step, settings.certificate_check_seconds),
        Background("routing", calls.handoffs.sweep, SWEEP_SECONDS),
        Background("callbacks", calls.line.sweep, SWEEP_SECONDS),
        Background("moved cases", MovedCases(node).step, LOOK_SECONDS),
        Background("slots promised", calls.granting.forget, FORGET_SECONDS),
        calls.slots.renewing,
        Background("books", books.step, BOOKS_SECONDS),
        Background("readiness", partial(_report_directory, node, health), 1.0),
    ]


async def _context(settings: NodeSettings, delivery: Delivery, stack: AsyncExitStack) -> NodeContext:
    database = await hosting.start_database(stack, SERVICE, settings)
    await derive_all(database, library.tables)
    document_key = load_pinned(settings.pki_directory)
    limits = Limits(timedelta(hours=settings.directory.fresh_hours), timedelta(hours=settings.directory.overdue_hours))
    directory = DirectoryReplica(document_key, limits)
    await directory.load(database)

    def endpoint_of(member: str) -> str | None:
        return settings.hub.endpoint if member == HUB else directory.endpoint_of(member)

    peers = Peers(endpoint_of, FollowedCredentials(hosting.federation_folder(settings)), trace_interceptors())
    stack.push_async_callback(peers.close)
    delivery.fences.floor = directory.fence_of
    records = audit_log.using(settings.digest)
    return NodeContext(settings, database, delivery.outbox, system_clock, directory, peers, directory.keys, records)


def _admission(node: NodeContext, delivery: Delivery) -> Admission:
    """Refuses revoked keys; and everybody, while this copy of the node may take no new work."""

    def admit(caller: Caller, shown: Shown) -> Refusal | None:
        standing = delivery.standing
        return node.directory.revocations.admit(caller, shown) or (None if standing.copy.works else standing.refusal())

    return admit


def peer_services(node: NodeContext, calls: CallParts, relay: Relay, copies: Copies) -> Sequence[Register]:
    """What hub and other nodes are offered."""
    handoffs = HandoffPeerHandlers(node, calls.view, calls.handoffs, calls.fetcher, calls.errands)
    testing = CallTesting(node, calls.view)
    return [
        partial(peer_pb2_grpc.add_DeliveryPeerServiceServicer_to_server, DeliveryPeerHandlers(relay.intake, copies.ready)),
        partial(audit_pb2_grpc.add_AuditServiceServicer_to_server, audit_handlers(node)),
        partial(routing_grpc.add_HandoffPeerServiceServicer_to_server, handoffs),
        partial(test_call_pb2_grpc.add_TestCallPeerServiceServicer_to_server, TestCallPeerHandlers(calls.view, testing)),
        partial(slots_pb2_grpc.add_SlotPeerServiceServicer_to_server, SlotPeerHandlers(calls.granting)),
    ]


def desk_services(
    node: NodeContext, calls: CallParts, relay: Relay, pull: DirectoryPull, alarms: Alarms, delivery: Delivery, signing: Signing
) -> Sequence[Register]:
    """What the province's own desktops and operators are offered."""
    handlers = NodeHandlers(node, lambda: relay.connected, lambda: pull.hub_seen_at, alarms, lambda: calls.handoffs.counted.books)
    told = DeliveryHandlers(node.database, delivery, relay.intake, lambda: relay.connected)
    doctor = DoctorHandlers(node.province, live_checks(node, delivery, lambda: relay.connected), node.clock)
    verify = UnitVerifyHandlers(node, calls.view, CallTesting(node, calls.view), doctor.examine, pull.step, signing.signer.sign)
    return [
        partial(audit_pb2_grpc.add_AuditServiceServicer_to_server, audit_handlers(node)),
        partial(delivery_grpc.add_DeliveryServiceServicer_to_server, told),
        partial(doctor_pb2_grpc.add_DoctorServiceServicer_to_server, doctor),
        partial(registration_grpc.add_NodeServiceServicer_to_server, handlers),
        partial(life_pb2_grpc.add_UnitLifeServiceServicer_to_server, UnitLifeHandlers(node)),
        partial(verify_pb2_grpc.add_UnitVerifyServiceServicer_to_server, verify),
        partial(coverage_grpc.add_CoverageServiceServicer_to_server, coverage_handlers(node, calls.view)),
        partial(routing_grpc.add_RoutingServiceServicer_to_server, RoutingHandlers(node, calls.view)),
        partial(replay_pb2_grpc.add_ReplayServiceServicer_to_server, ReplayHandlers(node, calls.view)),
        partial(routing_grpc.add_HandoffServiceServicer_to_server, HandoffHandlers(node, calls)),
        partial(callback_pb2_grpc.add_CallbackServiceServicer_to_server, CallbackHandlers(node, calls.line, calls.resorts)),
        partial(desk_pb2_grpc.add_DeskServiceServicer_to_server, DeskHandlers(node, calls)),
        partial(cases_grpc.add_CaseServiceServicer_to_server, CaseHandlers(node)),
        *proposal_services(node, signing),
    ]


def audit_handlers(node: NodeContext) -> AuditHandlers:
    """What this node shows of its own log, and witnessed of others'."""

    async def witnesses() -> Sequence[str]:
        return _witnesses(node)

    return AuditHandlers(node.database, audit_log, node.province, WitnessAsking(node.peers, witnesses))


def _witnesses(node: NodeContext) -> Sequence[str]:
    """Who witnesses our log: the hub, and two provinces that are members now."""
    names = [member.name for member in node.directory.current.members]
    return [HUB, *witnesses_of(node.province, filterfalse(node.directory.revocations.covers, names))]


def _head_telling(node: NodeContext, delivery: Delivery) -> HeadTelling:
    """Tells the head of our log, and which directories we work from."""
    told = node.database, audit_log, delivery.outbox, node.clock
    return HeadTelling(*told, lambda _tx: _witnesses(node), lambda: node.directory.held)


def appliers(node: NodeContext, delivery: Delivery, calls: CallParts, pulling: Background, copying: LibraryWork) -> Appliers:
    """What to do with each event that others tell this node."""
    alarms = Alarms(node.database, node.clock, delivery.alarms)
    return {
        "twelve333.api.registration.v1.DirectoryChanged": on_directory_changed(pulling.wake),
        GIVEN: keep_given(node.document_keys),
        HEAD: noticing_splits(witness_heads(node.records), node.directory, alarms, audit_log, _head_telling(node, delivery)),
        TEXTS_DELETED: delete_told(kept_for_a_while.at(node.province), node.records),
        **case_appliers(cases.store, delivery.following(), node.records),
        "twelve333.api.routing.v1.HandoffEvent": take_told_handoff(node, calls.view),
        "twelve333.api.routing.v1.CallbackAsked": take_asked_callback(calls.line),
        "twelve333.api.routing.v1.CallbackEnded": take_ended_callback(calls.resorts),
        "twelve333.api.routing.v1.HandoffOutcome": take_outcome(calls.handoffs, delivery),
        **HandoffReturns(node, calls.view, delivery).appliers(),
        "twelve333.api.library.v1.ReleaseAnnounced": copying.on_announced(),
        **proposal_appliers(node),
    }


async def _report_directory(node: NodeContext, health: Health) -> None:
    """A node without a directory cannot route, so it is not ready; with one, it works hub or no hub, however old, and says how old."""
    await health.set("directory", node.directory.version > 0)
    await health.tell("directory.fresh", node.directory.freshness(node.clock()) is Freshness.FRESH)
