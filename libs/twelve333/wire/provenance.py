"""What an accepted proposal leaves in the entry: who proposed, who agreed, and both members' signatures under it. No persons."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from ..api.library.v1 import library_pb2 as pb
from ..core.library.model import NATIONAL, Provenance, ProvenanceStep
from ..core.library.parts import PROVENANCE_MAX
from ..core.library.proposals import Proposal, Reviewed, Seal, Verdict
from ..core.worktime.model import CHINA
from .library_parts import provenance_to_wire

_ENDS: Final = {Verdict.ACCEPT: ProvenanceStep.ACCEPTED, Verdict.MERGE: ProvenanceStep.MERGED}
_NO_SEAL: Final = Seal("", b"", ())


def with_chain(provenance: bytes, proposal: Proposal, last: Reviewed) -> bytes:
    """The provenance of an entry with the steps of a proposal behind it, serialised as that field of `Entry`.

    Args:
        provenance: what the entry has; of a very long chain the oldest steps stay in its earlier texts only.
        proposal: as it stands before its last step.
        last: the step that ends it, sealed by the ministry.
    """
    known = pb.Entry.FromString(provenance).provenance
    steps = [*known, *(provenance_to_wire(step) for step in _chain(proposal, last))]
    return pb.Entry(provenance=steps[-PROVENANCE_MAX:]).SerializeToString(deterministic=True)


def _chain(proposal: Proposal, last: Reviewed) -> list[Provenance]:
    named, digest = proposal.proposal_id, proposal.text.digest
    made = proposal.history[0].stamp
    passed = [step for step in proposal.history if isinstance(step, Reviewed) and step.seal]
    sealed = [
        Provenance(ProvenanceStep.REVIEWED, step.stamp.by.member, _day(step.stamp.at), named, digest, *_signed(step))
        for step in passed[-1:]
    ]
    ended = Provenance(_ENDS[last.verdict], NATIONAL, _day(last.stamp.at), named, digest, *_signed(last))
    return [Provenance(ProvenanceStep.PROPOSED, made.by.unit, _day(made.at), named, digest), *sealed, ended]


def _signed(step: Reviewed) -> tuple[bytes, tuple[bytes, ...]]:
    seal = step.seal or _NO_SEAL
    return seal.signature, seal.chain


def _day(at: datetime) -> date:
    return at.astimezone(CHINA).date()
