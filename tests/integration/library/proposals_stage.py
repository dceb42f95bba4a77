"""A hub and two nodes with their handlers, stores, inboxes and signatures, for tests of what goes up to the library and comes back.

Only the wire between them is a function call, so that a test can leave the hub away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.library import copy_directly

from national_hub.context import HubContext
from national_hub.handlers.library import LibraryPublishHandlers
from national_hub.handlers.proposals import ProposalHandlers as HubHandlers
from national_hub.handlers.proposals import seal_check
from national_hub.settings import Library as HubLibrary
from national_hub.store import library as hub_library
from national_hub.store import proposals as hub_proposals
from national_hub.store import registration
from national_hub.store.metadata import delivery as hub_tables
from province_node.context import NodeContext
from province_node.handlers.proposals import ProposalHandlers as NodeHandlers
from province_node.handlers.proposals import proposal_appliers
from province_node.settings import Library as NodeLibrary
from province_node.store import library as node_library
from province_node.store import proposals as node_proposals
from twelve333.adapters.library_proposals import ProposalParts
from twelve333.adapters.library_returns import ProposalReturns
from twelve333.adapters.rpc import access
from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.signing.documents import public_bytes
from twelve333.adapters.signing.statements import Signer, Verifier
from twelve333.adapters.sql import Database
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.delivery import Arrival, Delivery
from twelve333.api.library.v1 import proposal_service_pb2 as pb
from twelve333.api.library.v1 import proposals_pb2
from twelve333.api.library.v1 import service_pb2 as library_pb
from twelve333.core.decision import Refused
from twelve333.core.identity import Caller, Role
from twelve333.core.ids import HUB
from twelve333.core.library.model import Entry, EntryKind, Tombstone, TombstoneReason
from twelve333.core.library.proposals import Verdict
from twelve333.core.registration.model import Member as Registered
from twelve333.wire.library import content_of, tombstone_to_wire
from twelve333.wire.proposals import VERDICT_OUT

START = datetime(2014, 3, 30, 1, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
FUJIAN, JIANGXI = "350000", "360000"
both = pytest.mark.parametrize("urls", ["sqlite", "postgresql"], indirect=True)
BODY = "第一条 总则。\n\n第二条 职工应当在三十日内提出申请。\n\n第三条 自公布之日起施行。"
LAW = Entry("injury", EntryKind.POLICY, "工伤认定办法", BODY, ("04",))
LONGER = replace(LAW, body=BODY.replace("三十日", "六十日"))


@dataclass
class Member:
    """One member: its database, its delivery, and what it offers."""

    name: str
    database: Database
    delivery: Delivery
    appliers: Any
    proposals: Any
    context: Any
    read: dict[str, int] = field(default_factory=dict)

    def speak(self, name: str) -> Any:
        """What it offers for proposals, to somebody of that name."""
        role = Role.OPERATOR if self.name == HUB else Role.LOCAL_OPERATOR
        access._caller.set(Caller(role, self.name, name))
        return self.proposals

    async def state(self, proposal_id: str = f"{FUJIAN}-p1", name: str = "looker") -> str:
        shown = await self.speak(name).GetProposal(pb.GetProposalRequest(proposal_id=proposal_id), None)
        return proposals_pb2.ProposalState.Name(shown.proposal.state).removeprefix("PROPOSAL_STATE_").lower()


@dataclass
class Library:
    """A hub and two nodes."""

    members: dict[str, Member]

    @property
    def hub(self) -> Member:
        return self.members[HUB]

    @property
    def fujian(self) -> Member:
        return self.members[FUJIAN]

    async def publish(self, *entries: Entry, remove: str = "") -> None:
        """The ministry publishes, and every node copies."""

        async def stream() -> AsyncIterator[library_pb.PublishEntriesRequest]:
            yield library_pb.PublishEntriesRequest(header=library_pb.PublishHeader(strict=True))
            for entry in entries:
                yield library_pb.PublishEntriesRequest(entry=content_of(entry))
            if remove:
                stone = tombstone_to_wire(Tombstone(TombstoneReason.WITHDRAWN))
                yield library_pb.PublishEntriesRequest(removal=library_pb.Removal(entry_id=remove, tombstone=stone))

        self.hub.speak("he")
        await LibraryPublishHandlers(self.hub.context).PublishEntries(
            stream(), cast("Any", SimpleNamespace(invocation_metadata=lambda: ()))
        )
        await self.copy()

    async def copy(self) -> None:
        for node in (self.members[FUJIAN], self.members[JIANGXI]):
            await copy_directly(self.hub.context, node.context)

    async def carry(self) -> None:
        """Carry what waits in the outboxes of hub and nodes, some of it twice."""
        for node in (self.members[FUJIAN], self.members[JIANGXI]):
            await self._carry(node, self.hub)
            await self._carry(self.hub, node)

    async def _carry(self, origin: Member, to: Member) -> None:
        for head in await origin.database.read(origin.delivery.outbox.heads):
            if head.destination != to.name:
                continue
            first = max(1, to.read.get(origin.name, 0))
            waiting = await origin.database.read(
                lambda tx, h=head, f=first: origin.delivery.outbox.pending(tx, h, range(f, h.sequence + 1))
            )
            arrivals = [Arrival(origin.name, each) for each in waiting]
            received = await to.database.write(lambda tx, a=arrivals: to.delivery.inbox.receive(tx, a, to.appliers, START))
            assert received.failure is None, received.failure
            for receipt in received.receipts.values():
                await origin.database.write(lambda tx, one=receipt: origin.delivery.close(tx, one, to.name, START))
            to.read[origin.name] = head.sequence

    async def entry(self, member: str = JIANGXI, entry_id: str = "injury") -> Entry | None:
        tables = hub_library.tables if member == HUB else node_library.tables
        held = await self.members[member].database.read(lambda tx: replica.get(tx, tables, entry_id))
        return held.entry if held else None


async def member_of(name: str, database: Database, delivery: Delivery, folder: Path, clock: Any) -> Member:
    unused, signer = cast("Any", None), Signer(folder)
    settings = cast("Any", SimpleNamespace(locale="en", library=HubLibrary() if name == HUB else NodeLibrary(), province=name))
    if name == HUB:
        hub = HubContext(settings, database, delivery.outbox, clock, unused, KEY)
        for each in (FUJIAN, JIANGXI):
            registered = Registered(each, "127.0.0.1:1", "01", START)
            await database.write(lambda tx, one=registered: registration.save_member(tx, one))
        parts = ProposalParts(HUB, hub_library.tables, hub_proposals.store, hub.audit, hub.outbox, clock, signer.sign)
        check = Verifier(folder, lambda _key: False, lambda: datetime.now(UTC)).check
        returns = ProposalReturns(HUB, hub_proposals.store, hub_tables, hub.outbox, seal_check(check))
        return Member(name, database, delivery, returns.appliers(), HubHandlers(hub, parts), hub)
    node = NodeContext(settings, database, delivery.outbox, clock, unused, unused, DocumentKeys(public_bytes(KEY)))
    parts = ProposalParts(name, node_library.tables, node_proposals.store, node.audit, node.outbox, clock, signer.sign)
    return Member(name, database, delivery, {**proposal_appliers(node), **_ignored()}, NodeHandlers(node, parts), node)


def _ignored() -> dict[str, Any]:
    return {"twelve333.api.library.v1.ReleaseAnnounced": lambda tx, event, now: None}


async def propose(library: Library, entry: Entry, by: str = "anna", **more: Any) -> pb.ProposeResponse:
    kind = more.pop("kind", proposals_pb2.PROPOSAL_KIND_CHANGE)
    asked = pb.ProposeRequest(proposal_id=f"{FUJIAN}-p1", unit="350100", kind=kind, entry_id=entry.id, entry=content_of(entry), **more)
    return cast("pb.ProposeResponse", await library.fujian.speak(by).Propose(asked, None))


async def review(member: Member, by: str, verdict: Verdict = Verdict.ACCEPT, **more: Any) -> pb.Proposal:
    desk, proposal_id = member.speak(by), f"{FUJIAN}-p1"
    seen = (await desk.GetProposal(pb.GetProposalRequest(proposal_id=proposal_id), None)).proposal.text_step
    asked = pb.ReviewProposalRequest(proposal_id=proposal_id, seen=seen, verdict=VERDICT_OUT[verdict], **more)
    return cast("pb.Proposal", (await desk.ReviewProposal(asked, None)).proposal)


async def accepted(library: Library) -> None:
    """From the province's review to the release, everywhere."""
    await review(library.fujian, "bo")
    await library.carry()
    for name in ("he", "li"):
        await review(library.hub, name)
    await library.carry()
    await library.copy()


async def code_of(work: Any) -> str:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value.refusal.code.name
