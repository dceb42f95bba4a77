"""`twelve333 library draft`, `propose`, `proposal(s)`, `review`, `task(s)`: what goes up to the library, and who decides."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from ..client.connection import Connection
from ..client.errors import ServiceError
from ..client.proposals import Proposal
from ..core.decision import Code, Kind, Refusal, Refused, refuse
from ..core.library.markdown import HEAD_MARK, Guide, head_of, parse_file
from ..core.library.merging import Side
from ..core.library.model import Entry, Tombstone, TombstoneReason
from ..core.library.proposals import ProposalKind, State, Verdict
from ..data.resources import topics
from .common import PENDING, Common, Count, OptionalInputFile, connect, read_text, titled
from .output import print_line, show
from .proposal_output import PROPOSAL_COLUMNS, proposal_row, show_proposal, show_proposed, show_tasks

PROPOSE_WHAT: Final = Code("CLI_PROPOSE_WHAT", Kind.INVALID)
REVIEW_WHAT: Final = Code("CLI_REVIEW_WHAT", Kind.INVALID)
TASK_HOW: Final = Code("CLI_TASK_HOW", Kind.INVALID)
Flag = Annotated[bool, Parameter(negative="")]


async def draft(entry: str, *, common: Common = Common()) -> None:
    """Print an entry as a file, to change it and propose the change with `propose -f FILE --change ID`.

    Args:
        entry: its id.
    """
    async with connect(common) as replica:
        found = (await replica.library.get(entry)).entry
    head = [HEAD_MARK, f"id: {found.id}", f"kind: {found.kind.value}", f"title: {found.title}", HEAD_MARK]
    print_line("\n".join([*head, found.body]))


async def propose(
    *,
    file: OptionalInputFile = None,
    change: str = "",
    remove: str = "",
    reason: TombstoneReason | None = None,
    successor: str = "",
    source: tuple[str, ...] = (),
    note: str = "",
    unit: str = "",
    draft: Flag = False,
    id: str | None = None,
    common: Common = Common(),
) -> None:
    """Propose a new entry, another text of one, or that one goes; reviewed in the province, then by the ministry (a node's profile).

    Shows what the library says already that is like it. What the head of the file does not name stays as it is.

    Args:
        file: Markdown with a head, as `library publish` takes it; `-` reads standard input.
        change: id of the entry that gets another text.
        remove: id of the entry that should go; needs --reason.
        reason: of a removal: repealed, withdrawn, merged or published_in_error.
        successor: of a removal: id of the entry to read instead.
        source: law, document or page it rests on; may be given several times.
        note: a word to the reviewers.
        unit: for which unit, e.g. 350100; the province if absent.
        draft: do not submit it yet.
        id: of a draft or a returned proposal, which gets another text; without --file a draft is submitted as it is.
    """
    async with connect(common) as node:
        if remove and reason and not (file or change):
            stone = Tombstone(reason, successor)
            done = await node.proposals.propose_removal(remove, stone, sources=source, note=note, unit=unit, proposal_id=id)
        elif file and not remove:
            entry, kind = await _entry(node, file, change, id)
            done = await node.proposals.propose(entry, kind=kind, sources=source, note=note, unit=unit, draft=draft, proposal_id=id)
        elif id and not (change or remove or draft):
            done = await node.proposals.submit((await node.proposals.get(id)).proposal)
        else:
            raise Refused(refuse(PROPOSE_WHAT))
    show_proposed(done, common)


async def proposals(*, mine: Flag = False, to_review: Flag = False, common: Common = Common()) -> None:
    """List proposals, the last changed first.

    Args:
        mine: only those that you made.
        to_review: only those that wait for your review.
    """
    async with connect(common) as member:
        rows = [proposal_row(each) async for each in member.proposals.list(mine=mine, to_review=to_review)]
    show(rows, PROPOSAL_COLUMNS, as_json=common.json, title=titled("PROPOSALS", common, count=len(rows)))


async def show_one_proposal(proposal: str, *, common: Common = Common()) -> int:
    """Show a proposal: what changes, side by side, what is like it, what it clashes with, every step. 8 while it waits, 1 if returned.

    Args:
        proposal: its id.
    """
    async with connect(common) as member:
        shown = await member.proposals.get(proposal)
    show_proposal(shown, common)
    return _exit_code(shown.proposal)


async def review(
    proposal: str,
    *,
    accept: Flag = False,
    return_: Annotated[bool, Parameter(name="--return", negative="")] = False,
    merge_into: str = "",
    reason: str = "",
    file: OptionalInputFile = None,
    seen: Count | None = None,
    common: Common = Common(),
) -> None:
    """Say what becomes of a proposal; in the province one person besides its authors, in the ministry two of the same mind.

    Args:
        proposal: its id.
        accept: it may go on; the last acceptance makes a release.
        return_: back to the proposer; needs --reason.
        merge_into: id of the entry that it goes into (ministry).
        reason: why; the proposer reads this.
        file: for a merge: that entry as it should be then; absent if it says everything already, or as another reviewer has put it.
        seen: number of the text that you read, as `proposal` shows it; refused if it has changed since. The present one if absent.
    """
    if accept + return_ + bool(merge_into) != 1 or (file and not merge_into):
        raise Refused(refuse(REVIEW_WHAT))
    verdict = Verdict.ACCEPT if accept else Verdict.RETURN if return_ else Verdict.MERGE
    async with connect(common) as member:
        found = (await member.proposals.get(proposal)).proposal
        read = found if seen is None else replace(found, text_step=seen)
        merged = (await _entry(member, file, merge_into, None))[0] if file else None
        after = await member.proposals.review(read, verdict, reason=reason, merge_into=merge_into, merged=merged)
    show([proposal_row(after)], PROPOSAL_COLUMNS, as_json=common.json)


async def tasks(*, common: Common = Common()) -> int:
    """List what a person has to decide here, both texts side by side; 8 if there is anything."""
    async with connect(common) as member:
        found = await member.proposals.tasks()
    show_tasks(found, common)
    return PENDING if found else 0


async def task(task: str, *, take: Side | None = None, file: OptionalInputFile = None, common: Common = Common()) -> None:
    """Decide a task: whose words count where they clash, or words of your own.

    Args:
        task: its id, as `tasks` shows it.
        take: mine (what is proposed; a supplement stays as it is) or theirs (what the library says; a supplement goes).
        file: in place of --take: the entry as it should be, or the text of the supplement; `-` reads standard input.
    """
    if (take is None) == (file is None):
        raise Refused(refuse(TASK_HOW))
    async with connect(common) as member:
        found = next((each for each in await member.proposals.tasks() if each.task_id == task), None)
        if file is None or found is None:
            after = await member.proposals.resolve(task, take)
        elif found.is_supplement:
            after = await member.proposals.resolve(task, text=read_text(file).strip())
        else:
            after = await member.proposals.resolve(task, entry=(await _entry(member, file, found.entry_id, None))[0])
    row = proposal_row(after) if isinstance(after, Proposal) else {"id": task, "state": "kept" if after else "gone"}
    show([row], [name for name in PROPOSAL_COLUMNS if name in row], as_json=common.json)


async def _entry(member: Connection, file: Path, change: str, proposal_id: str | None) -> tuple[Entry, ProposalKind]:
    """The entry that a file describes, and whether it is a change: then what its head does not name is as the library says it."""
    text = read_text(file)
    entry = parse_file((file.name,), text, Guide(topics()))
    if isinstance(entry, Refusal):
        raise Refused(entry)
    if proposal_id and not change:
        change = await _changed_by(member, proposal_id)
    if not change:
        return entry, ProposalKind.NEW
    stored = (await member.library.get(change)).entry
    named = head_of(text)
    if not named:
        return replace(stored, title=entry.title, body=entry.body), ProposalKind.CHANGE
    said = {each.name: getattr(entry, each.name) for each in fields(Entry) if each.name in named}
    return replace(stored, **said, body=entry.body), ProposalKind.CHANGE


async def _changed_by(member: Connection, proposal_id: str) -> str:
    """The entry that a known proposal changes; empty if it is new, or brings in a new entry."""
    try:
        known = (await member.proposals.get(proposal_id)).proposal
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            return ""
        raise
    return known.entry_id if known.kind is ProposalKind.CHANGE else ""


def _exit_code(proposal: Proposal) -> int:
    if proposal.state in (State.ACCEPTED, State.MERGED):
        return 0
    return 1 if proposal.state is State.RETURNED else PENDING


COMMANDS: Final[dict[str, Callable[..., Coroutine[Any, Any, int | None]]]] = {
    "draft": draft,
    "propose": propose,
    "proposals": proposals,
    "proposal": show_one_proposal,
    "review": review,
    "tasks": tasks,
    "task": task,
}
