"""What people see of proposals: how one stands, what it changes, what is like it, what clashes."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.library.v1 import proposal_service_pb2 as pb
from ..api.library.v1 import proposals_pb2
from ..core.decision import Refused, refuse
from ..core.library import proposal_codes as codes
from ..core.library.likeness import Row
from ..core.library.merging import FieldClash, ParagraphClash
from ..core.library.proposals import Person, Proposal, Reviewed, State, Text
from ..core.library.proposals_machine import STAGES, waits_for
from ..core.library.proposals_meeting import EntryClash, Meeting
from ..core.library.sheets import Sheet, text_of
from ..core.library.supplements import Loose
from .proposals import KIND_OUT, STATE_IN, STATE_OUT, person_to_wire, published_to_wire
from .sheets import field_name, field_shown
from .times import to_timestamp


def proposal_to_wire(proposal: Proposal, person: Person) -> pb.Proposal:
    """A proposal as it stands, for the person who looks."""
    last, stage = proposal.last, STAGES.get(proposal.state)
    returned = last.reason if isinstance(last, Reviewed) and proposal.state is State.RETURNED else ""
    published = last.published if isinstance(last, Reviewed) else None
    return pb.Proposal(
        proposal_id=proposal.proposal_id,
        entry_id=proposal.entry_id,
        kind=KIND_OUT[proposal.kind],
        title=proposal.text.title,
        proposer=person_to_wire(proposal.proposer),
        state=STATE_OUT[proposal.state],
        version=proposal.version,
        text_step=proposal.text_step,
        changed_at=to_timestamp(last.stamp.at),
        waits_for_you=waits_for(proposal, person),
        approvals=len(proposal.votes),
        approvals_needed=stage.persons if stage else 0,
        returned_because=returned,
        published=published_to_wire(published) if published else None,
    )


def state_of(state: proposals_pb2.ProposalState.ValueType) -> State:
    """The state.

    Raises:
        Refused: LIBRARY_PROPOSAL_STEP_MALFORMED, for one that we do not know.
    """
    if state not in STATE_IN:
        raise Refused(refuse(codes.STEP_MALFORMED, id="", because="state"))
    return STATE_IN[state]


def row_to_wire(row: Row) -> pb.SideRow:
    """Two paragraphs beside each other."""
    return pb.SideRow(left=row.left, right=row.right, same=row.same)


def fields_shown(text: Text) -> list[pb.FieldShown]:
    """The fields that a proposal changes, as people read them."""
    return [
        pb.FieldShown(name=field_name(each.name), before=field_shown(each.name, each.before), after=field_shown(each.name, each.after))
        for each in text.change.fields
    ]


def clashes_to_wire(meeting: Meeting) -> list[pb.ClashShown]:
    """Where a person has to decide."""
    return [_clash(each) for each in meeting.clashes]


def loose_to_wire(found: Loose) -> pb.ClashShown:
    """A supplement beside the paragraph it hung on, and the one in its place."""
    return pb.ClashShown(place="body", base=found.base, theirs=found.theirs, mine=found.supplement.text)


def _clash(clash: FieldClash | ParagraphClash | EntryClash) -> pb.ClashShown:
    match clash:
        case FieldClash(name=name):
            sides = {side: field_shown(name, getattr(clash, side)) for side in ("base", "theirs", "mine")}
            return pb.ClashShown(place=field_name(name), **sides)
        case ParagraphClash():
            return pb.ClashShown(place="body", base=text_of(clash.base), theirs=text_of(clash.theirs), mine=text_of(clash.mine))
        case EntryClash():
            return pb.ClashShown(place="entry", base=_whole(clash.base), theirs=_whole(clash.theirs), mine=_whole(clash.mine))


def _whole(sheet: Sheet | None) -> str:
    return "" if sheet is None else "\n".join(_parts(sheet))


def _parts(sheet: Sheet) -> Iterable[str]:
    for name, value in sorted(sheet.fields.items(), key=lambda each: int(each[0])):
        yield f"{field_name(name)}: {field_shown(name, value)}"
    yield text_of(sheet.paragraphs)
