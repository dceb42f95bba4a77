"""Proposals at the hub: heard of step by step, reviewed by two persons of the ministry, and put into a release with their origin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.bus.signed import Signing
from twelve333.adapters.library_proposals import ProposalDesk, ProposalParts
from twelve333.adapters.library_reading import held_release
from twelve333.adapters.library_returns import ProposalReturns
from twelve333.adapters.rpc.server import Register
from twelve333.adapters.signing.statements import Signature
from twelve333.adapters.sql.delivery import Appliers
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.library.v1 import proposal_service_pb2 as pb
from twelve333.api.library.v1 import proposal_service_pb2_grpc
from twelve333.core.decision import Refusal, Refused, refuse
from twelve333.core.ids import HUB
from twelve333.core.library import proposal_codes as codes
from twelve333.core.library.messages import Publish
from twelve333.core.library.model import Item
from twelve333.core.library.proposals import Proposal, Published, Reviewed, Step, Verdict
from twelve333.core.library.proposals_meeting import proposed_sheet
from twelve333.core.library.sheets import Sheet
from twelve333.wire.library import item_from_content
from twelve333.wire.proposals import agreed_said
from twelve333.wire.provenance import with_chain
from twelve333.wire.sheets import content_of_sheet, provenance_of, sheet_of

from ..context import HubContext
from ..store import library, proposals
from ..store.metadata import delivery
from .library import publish_items

log = logger("library")
Check = Callable[[str, bytes, Signature], Refusal | None]


class ProposalHandlers(ProposalDesk):
    """See `ProposalService`."""

    def __init__(self, hub: HubContext, parts: ProposalParts) -> None:
        super().__init__(parts)
        self._hub = hub

    async def Propose(
        self, request: pb.ProposeRequest, context: ServicerContext[pb.ProposeRequest, pb.ProposeResponse]
    ) -> pb.ProposeResponse:
        """Nobody's: proposals are made at the node of a province."""
        raise AssertionError("the access table admits nobody: proposals are made at the node of the unit")

    def base_content(self, tx: Connection, proposal: Proposal) -> bytes:
        """The text that a proposal starts from, of the change log."""
        return proposals.content_of(tx, proposal.entry_id, proposal.text.base_version) or super().base_content(tx, proposal)

    def finish(self, tx: Connection, before: Proposal, step: Reviewed) -> Reviewed:
        """Put what was agreed into a release."""
        item = self._merged_into(tx, before, step) if step.verdict is Verdict.MERGE else self._accepted(tx, before, step)
        entry_id = step.merging.entry_id if step.merging else before.entry_id
        if item is None:
            present = held_release(tx, library.tables)
            return replace(step, published=Published(present[0].number if present else 0, entry_id, 0))
        outcome = publish_items(self._hub, tx, Publish((item,), strict=True), step.stamp.at)
        release, changes = outcome.release, outcome.publication.changes
        return replace(step, published=Published(release.number if release else 0, entry_id, changes[0].version if changes else 0))

    def _accepted(self, tx: Connection, before: Proposal, step: Reviewed) -> Item:
        sheet = self.merged(tx, before)
        if sheet is None:
            return Item(before.entry_id, tombstone=before.text.tombstone)
        _, content = self.present(tx, before.entry_id)
        return _item(before.entry_id, sheet, with_chain(provenance_of(content), before, step))

    def _merged_into(self, tx: Connection, before: Proposal, step: Reviewed) -> Item | None:
        """The entry that takes a proposal in; None if it says everything already."""
        merging = step.merging
        if merging is None:
            raise Refused(refuse(codes.MERGE_WHERE))
        present, content = self.present(tx, merging.entry_id)
        if present.sheet is None or present.version != merging.text.base_version:
            raise Refused(refuse(codes.MERGE_TARGET_CHANGED, id=merging.entry_id))
        change = merging.text.change
        if not (change.fields or change.paragraphs):
            return None
        sheet = proposed_sheet(merging.text, present.sheet)
        if not isinstance(sheet, Sheet):
            raise Refused(sheet or refuse(codes.NOTHING_CHANGES))
        return _item(merging.entry_id, sheet, with_chain(provenance_of(content), before, step))


def proposal_service(hub: HubContext, signing: Signing) -> tuple[Register, Appliers]:
    """What the hub offers for proposals, and what it does with what nodes tell of them."""
    parts = ProposalParts(HUB, library.tables, proposals.store, hub.audit, hub.outbox, hub.clock, signing.signer.sign)
    offered = partial(proposal_service_pb2_grpc.add_ProposalServiceServicer_to_server, ProposalHandlers(hub, parts))
    returns = ProposalReturns(HUB, proposals.store, delivery, hub.outbox, seal_check(signing.verifier.check))
    return offered, returns.appliers()


def seal_check(check: Check) -> Callable[[Proposal | None, Step, str], Refusal | None]:
    """Refuses a seal that the member did not make under what its reviewers agreed to.

    Args:
        check: refuses a signature that is not the member's.
    """

    def refusal(before: Proposal | None, step: Step, origin: str) -> Refusal | None:
        if before is None or not isinstance(step, Reviewed) or step.seal is None or step.stamp.by.member != origin:
            return None
        return check(origin, agreed_said(before, step.verdict, step.merging), Signature(step.seal.signature, step.seal.chain))

    return refusal


def _item(entry_id: str, sheet: Sheet, provenance: bytes) -> Item:
    """The entry to publish; refuses bytes of a field that hide another field, such as the id of another entry."""
    content = content_of_sheet(entry_id, sheet, provenance)
    item = item_from_content(content)
    if sheet_of(content) != sheet or item.entry_id != entry_id:
        raise Refused(refuse(codes.STEP_MALFORMED, id=entry_id, because="fields"))
    return item
