"""`twelve333 handoff`: hand calls over at a node, and see what became of them."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from ..catalogue.catalogue import has, sentence
from ..client.handoffs import HandoffView
from ..core.decision import Code, Kind, Refused, refuse
from ..core.routing.handoff import Step
from ..core.routing.machine import HandoffState
from .common import Common, Count, OptionalInput, connect, read_text
from .output import console, print_json, show
from .route import route_values, show_route
from .tables import plain

CONTEXT_MALFORMED = Code("CLI_CONTEXT_MALFORMED", Kind.INVALID)

app = App(
    name="handoff",
    help="Calls handed over: place one, report what became of it, list and show them. Ask a node, so use a desk's profile.",
)
COLUMNS = ("id", "direction", "from_unit", "region", "topic", "state", "unit", "reason", "at")


@app.command
async def place(
    *,
    from_unit: Annotated[str, Parameter(name="--from")],
    region: str,
    topic: str = "",
    language: str = "",
    caller_region: str = "",
    caller_number_file: OptionalInput = None,
    visited: list[str] | None = None,
    context_file: OptionalInput = None,
    priority: Count = 0,
    id: str | None = None,
    after: str = "",
    common: Common = Common(),
) -> int:
    """Hand a call on to the first unit that takes it; exit code 5 if none does and the last resort is left.

    Args:
        from_unit: the unit that hands it on, e.g. 360400.
        region: GB/T 2260 code of the place asked about, e.g. 350100.
        topic: classification code, e.g. 0102.
        language: tag such as zh or ug.
        caller_region: the place rung from.
        caller_number_file: file with the number, which tells that place where it is not given; it is not sent. `-` reads standard input.
        visited: unit where the call was before; may be given several times.
        context_file: file with lines `name: text`, what the other side needs to know; `-` reads standard input.
        priority: 0 (usual) to 9; what a unit keeps of its rate for priority calls is for those above 0.
        after: id of the handoff by which the call came here, if it goes on; where it was is then proved to whoever is asked.
        id: id of the handoff; made up if absent. Give the same again to repeat.
    """
    context = parse_context(read_text(context_file)) if context_file else {}
    async with connect(common) as node:
        view = await node.handoffs.place(
            from_unit,
            region,
            topic=topic,
            language=language,
            caller_region=caller_region,
            caller_number=read_text(caller_number_file).strip() if caller_number_file else "",
            visited=visited or (),
            context=context,
            priority=priority,
            handoff_id=id,
            after=after,
        )
    show_view(view, common)
    return 0 if view.handoff.state is not HandoffState.LAST_RESORT else 5


@app.command
async def connected(handoff: str, *, common: Common = Common()) -> None:
    """Report that the caller speaks with the unit.

    Args:
        handoff: id of the handoff.
    """
    async with connect(common) as node:
        show_view(await node.handoffs.connected(handoff), common)


@app.command
async def complete(handoff: str, *, common: Common = Common()) -> None:
    """Report that the conversation is over; the seat is free again. At the origin, or by who took the call.

    Args:
        handoff: id of the handoff.
    """
    async with connect(common) as node:
        show_view(await node.handoffs.completed(handoff), common)


@app.command(name="return")
async def bring_back(handoff: str, *, reason: str, common: Common = Common()) -> None:
    """Report that the call is back at the origin; the seat is free again. There, or by the unit that accepted and cannot go on.

    Args:
        handoff: id of the handoff.
        reason: a short word in upper case, e.g. NO_ANSWER.
    """
    async with connect(common) as node:
        show_view(await node.handoffs.returned(handoff, reason), common)


@app.command(name="show")
async def show_handoff(handoff: str, *, common: Common = Common()) -> None:
    """Show a handoff with its steps, the decision behind it and, while it lasts, its context.

    Args:
        handoff: id of the handoff.
    """
    async with connect(common) as node:
        view = await node.handoffs.get(handoff)
    show_view(view, common)
    if view.handoff.route and not common.json:
        show_route(view.handoff.route, common.language)


@app.command(name="list")
async def list_handoffs(*, state: HandoffState | None = None, limit: Count = 100, common: Common = Common()) -> None:
    """List handoffs of this node, the newest first.

    Args:
        state: only those in this state.
        limit: at most this many, up to 500.
    """
    async with connect(common) as node:
        views = await node.handoffs.list(state, limit)
    show([view_row(view) for view in views], COLUMNS, as_json=common.json)


def parse_context(text: str) -> dict[str, str]:
    """Read lines `name: text`.

    Raises:
        Refused: CLI_CONTEXT_MALFORMED, naming the line.
    """
    context: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, value = line.partition(":")
        if line.strip() and (not colon or name.strip() in context):
            raise Refused(refuse(CONTEXT_MALFORMED, line=number))
        if line.strip():
            context[name.strip()] = value.strip()
    return context


def handoff_values(view: HandoffView, locale: str) -> dict[str, Any]:
    """A handoff as plain values."""
    handoff = view.handoff
    return {
        **view_row(view),
        "target": handoff.target or None,
        "last_resort": {"kind": handoff.last_resort.kind.value, "unit": handoff.last_resort.unit or None} if handoff.last_resort else None,
        "seat_held_until": handoff.held_until.isoformat() if handoff.held_until else None,
        "steps": [_step(step, locale) for step in handoff.steps],
        "context": dict(view.context),
        "withheld": list(view.withheld),
        "context_until": view.context_until.isoformat(timespec="seconds") if view.context_until else None,
        "next_units": list(view.next_units),
        "route": route_values(handoff.route, locale) if handoff.route else None,
    }


def show_view(view: HandoffView, common: Common) -> None:
    """Print a handoff with its steps, what to do now, and its context."""
    if common.json:
        print_json(handoff_values(view, common.language))
        return
    handoff = view.handoff
    show(_rows(view, common.language), ("number", "what", "why", "at"), as_json=False, title=handoff.call.id)
    if todo := todo_words(view, common.language):
        console.print(todo, markup=False)
    if view.is_back:
        console.print(left_words(view, common.language), markup=False)
    if view.context_until:
        until = {"until": plain(view.context_until.isoformat(timespec="seconds"))}
        console.print(sentence("ROUTING_CONTEXT_UNTIL", until, common.language), markup=False)
    for name, text in view.context.items():
        console.print(f"{name}: {text}", markup=False)
    if view.withheld:
        console.print(sentence("ROUTING_CONTEXT_WITHHELD", {"names": ", ".join(view.withheld)}, common.language), markup=False)


def todo_words(view: HandoffView, locale: str) -> str:
    """What is to be done with the caller now; empty where nothing is."""
    handoff, last = view.handoff, view.handoff.last_resort
    if handoff.state is HandoffState.ACCEPTED and handoff.target:
        code = "ROUTING_IS_PUT_THROUGH" if view.incoming else "ROUTING_PUT_THROUGH"
        return sentence(code, {"target": handoff.target, "unit": handoff.from_unit}, locale)
    if handoff.state is HandoffState.LAST_RESORT and last:
        return sentence(f"ROUTING_CARRY_OUT_{last.kind.name}", {"id": handoff.call.id, "unit": last.unit}, locale)
    return ""


def left_words(view: HandoffView, locale: str) -> str:
    """Of a call that came back: whom to try next."""
    code = "ROUTING_LEFT_TO_TRY" if view.next_units else "ROUTING_LEFT_NOBODY"
    return sentence(code, {"id": view.handoff.call.id, "units": ", ".join(view.next_units)}, locale)


def view_row(view: HandoffView) -> dict[str, Any]:
    """A handoff in one line."""
    handoff = view.handoff
    return {
        "id": handoff.call.id,
        "direction": "in" if view.incoming else "out",
        "first_asked": handoff.call.first_asked or handoff.from_unit,
        "from_unit": handoff.from_unit,
        "region": handoff.call.region,
        "topic": handoff.call.topic or None,
        "state": handoff.state.value,
        "unit": handoff.unit or None,
        "reason": handoff.reason or None,
        "at": handoff.steps[-1].at.isoformat(timespec="seconds") if handoff.steps else None,
    }


def _rows(view: HandoffView, locale: str) -> list[dict[str, Any]]:
    """Its steps; where a call came in, of how it ended only that is known here."""
    handoff = view.handoff
    rows = [_step(step, locale) for step in handoff.steps]
    if handoff.steps and handoff.state is not handoff.steps[-1].state:
        ended = sentence(f"ROUTING_STATE_{handoff.state.name}", {"unit": handoff.unit}, locale)
        rows.append({"number": len(rows) + 1, "what": ended, "why": handoff.reason or None, "at": None})
    return rows


def _step(step: Step, locale: str) -> dict[str, Any]:
    what = sentence(f"ROUTING_STATE_{step.state.name}", {"unit": step.unit}, locale)
    # A reason that the catalogue knows is told in words; one that a consultant gave is shown as it is.
    why = sentence(f"{step.reason}_BRIEF", {}, locale) if has(f"{step.reason}_BRIEF") else step.reason
    return {
        "number": step.number,
        "state": step.state.value,
        "unit": step.unit or None,
        "reason": step.reason or None,
        "what": what,
        "why": why or None,
        "at": step.at.isoformat(timespec="milliseconds"),
    }
