"""How proposals and tasks look on a terminal: two texts side by side, and rows for tables and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from difflib import SequenceMatcher
from typing import Any, Final

from rich.table import Column, Table
from rich.text import Text

from ..catalogue.catalogue import sentence
from ..client.proposals import AlikeEntry, Clash, Proposal, Proposed, Shown, Task
from ..core.library.likeness import Row
from ..core.library.proposals import Reviewed, Step
from .common import Common, titled
from .output import console, print_json, print_line, show, show_one

PROPOSAL_COLUMNS: Final = ("id", "state", "kind", "entry", "title", "by", "approvals", "your_turn", "release", "reason")
_STEP_COLUMNS: Final = ("step", "what", "by", "at", "said")
_NEARBY: Final = 1  # paragraphs that both have, shown around a difference


def proposal_row(proposal: Proposal) -> dict[str, Any]:
    """A proposal as it stands."""
    by = proposal.proposer
    return {
        "id": proposal.proposal_id,
        "state": proposal.state.value,
        "kind": proposal.kind.value,
        "entry": proposal.entry_id,
        "title": proposal.title,
        "by": f"{by.unit}/{by.name}",
        "approvals": f"{proposal.approvals}/{proposal.approvals_needed}" if proposal.approvals_needed else "",
        "your_turn": proposal.waits_for_you,
        "text": proposal.text_step,
        "changed_at": proposal.changed_at.isoformat(timespec="seconds"),
        "release": proposal.published.release if proposal.published else None,
        "version": proposal.published.version if proposal.published else None,
        "merged_into": proposal.published.entry_id if proposal.published and proposal.published.entry_id != proposal.entry_id else "",
        "reason": proposal.returned_because,
    }


def show_proposed(done: Proposed, common: Common) -> None:
    """A proposal that was made, and what is like it."""
    if common.json:
        print_json({**proposal_row(done.proposal), "alike": [asdict(each) for each in done.alike]})
        return
    show([proposal_row(done.proposal)], PROPOSAL_COLUMNS, as_json=False)
    show_alike(done.alike)


def show_alike(found: Iterable[AlikeEntry]) -> None:
    """What the library says already that is like a text, each side by side with it."""
    for each in found:
        title = f"{each.similarity:.0%} like {each.entry_id}: {each.title}"
        show_sides(each.rows, ("in the library", "proposed"), title)


def show_proposal(shown: Shown, common: Common) -> None:
    """A proposal with everything that a reviewer needs."""
    steps = [_step_row(step) for step in shown.history]
    if common.json:
        listed = {name: [asdict(each) for each in getattr(shown, name)] for name in ("alike", "clashes", "rows")}
        changed = [{"field": name, "before": before, "after": after} for name, before, after in shown.fields]
        said = {"sources": list(shown.sources), "note": shown.note, "fields": changed, "steps": steps}
        print_json({**proposal_row(shown.proposal), **said, **listed})
        return
    head = {"sources": "; ".join(shown.sources), "note": shown.note}
    show_one({**proposal_row(shown.proposal), **head}, as_json=False)
    rows = [*(Row(f"{name}: {before}", f"{name}: {after}", False) for name, before, after in shown.fields), *shown.rows]
    show_sides(rows, ("before", "proposed"), "what changes")
    show_clashes(shown.clashes)
    show_alike(shown.alike)
    show(steps, _STEP_COLUMNS, as_json=False, title=titled("STEPS", common, count=len(steps)))


def show_tasks(found: Sequence[Task], common: Common) -> None:
    """What a person has to decide."""
    if common.json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        print_line(sentence("LIBRARY_TASKS_NONE", {}, common.language))
    for each in found:
        what = "supplement" if each.is_supplement else "proposal"
        console.print(Text(f"{each.task_id}  ({what} to {each.entry_id} {each.title})", style="bold"))
        show_clashes(each.clashes)


def show_clashes(clashes: Iterable[Clash]) -> None:
    """Both texts of each place side by side, with what they started from."""
    names = ("before", "theirs: in the library", "mine: proposed or hung on")
    for each in clashes:
        table = _sides(names, each.place)
        table.add_row(Text(each.base or "–"), *(marked(side, each.base) for side in (each.theirs, each.mine)))
        console.print(table)


def show_sides(rows: Sequence[Row], names: tuple[str, str], title: str) -> None:
    """Two texts side by side, what differs in bold; of what both have, only what stands next to a difference."""
    table = _sides(names, title)
    for place, row in enumerate(rows):
        near = rows[max(0, place - _NEARBY) : place + _NEARBY + 1]
        if row.same and all(each.same for each in near):
            continue
        left, right = row.left or "", row.right or ""
        table.add_row(*([Text(left, style="dim")] * 2 if row.same else [marked(left, right), marked(right, left)]))
    if table.row_count:
        console.print(table)


def marked(text: str, other: str) -> Text:
    """A text with what the other does not say in bold."""
    shown = Text(text or "–")
    if text and other:
        for start, length in _unlike(text, other):
            shown.stylize("bold reverse", start, start + length)
    return shown


def _unlike(text: str, other: str) -> Iterator[tuple[int, int]]:
    done = 0
    for block in SequenceMatcher(None, text, other, autojunk=False).get_matching_blocks():
        if block.a > done:
            yield done, block.a - done
        done = block.a + block.size


def _sides(names: Iterable[str], title: str) -> Table:
    return Table(*(Column(name, overflow="fold", ratio=1) for name in names), title=title, title_justify="left", header_style="bold")


def _step_row(step: Step) -> dict[str, Any]:
    stamp = step.stamp
    what, said = type(step).__name__.lower(), ""
    if isinstance(step, Reviewed):
        what, said = step.verdict.value, step.reason or (step.merging.entry_id if step.merging else "")
    at = stamp.at.isoformat(timespec="seconds")
    return {"step": stamp.version, "what": what, "by": f"{stamp.by.unit}/{stamp.by.name}", "at": at, "said": said}
