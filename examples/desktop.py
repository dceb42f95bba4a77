"""A consultant's desktop in a terminal: calls ring, are taken with their context, handed on, ended or given back.

    python examples/desktop.py DIR/350000/profiles/desk-1 350100        # one window: listens for 350100
    python examples/desktop.py DIR/360000/profiles/desk-1 360400        # another: hands on to it

Type `place 360400 350100 where is the file kept?`, `take ID`, `refuse ID WRONG_TOPIC`, `conference ID`, `connected ID`, `completed ID`;
a call that comes back is shown with the reason, what the caller told and who is left to try: `again ID` hands it on once more.
The end of the input ends it. Stop and start the node meanwhile: no call is lost. DIR is a federation kept by `twelve333 demo --keep DIR`
and started again as examples/README.md says.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from twelve333.client import Connection, ServiceError
from twelve333.client.handoffs import HandoffView
from twelve333.core.routing.machine import HandoffState


async def main(profile: str, *units: str) -> None:
    """Tell what happens, and do what is typed, until the input ends."""
    async with Connection.open_profile(profile) as node:
        listening = asyncio.create_task(listen(node, units))
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                if words := line.split():
                    tell(await obey(node, *words))
            except ServiceError as error:
                print(f"{error.code}: {error.sentence}", flush=True)
            except (KeyError, TypeError):
                print("place FROM REGION QUESTION | take|connected|conference|completed|again ID | refuse ID REASON", flush=True)
        listening.cancel()


async def listen(node: Connection, units: tuple[str, ...]) -> None:
    """Show each change; the SDK listens again by itself when node or network were away."""
    async for view in node.desk.watch(units):
        tell(await recalled(node, view))


async def recalled(node: Connection, view: HandoffView) -> HandoffView:
    """Of a call that came back also what we had written down, so that the caller need not say it again."""
    with suppress(ServiceError):
        return await node.handoffs.get(view.handoff.call.id) if view.context_until else view
    return view


async def obey(node: Connection, word: str, *rest: str) -> HandoffView:
    """Do one thing a consultant does."""
    if word == "place":
        from_unit, region, *question = rest
        return await node.handoffs.place(from_unit, region, context={"question": " ".join(question)})
    steps: dict[str, Callable[..., Awaitable[HandoffView]]] = {
        "take": node.desk.take,
        "refuse": node.handoffs.returned,
        "again": node.handoffs.again,
        "conference": node.handoffs.conference,
        "connected": node.handoffs.connected,
        "completed": node.handoffs.completed,
    }
    return await steps[word](*rest)


def tell(view: HandoffView) -> None:
    """One line: which call, which way, how it stands, and what to know."""
    handoff = view.handoff
    way = f"from {handoff.from_unit}" if view.incoming else f"to {handoff.unit or 'nobody'}"
    state = "rings" if view.rings else handoff.state.value
    left = f"left to try: {' '.join(view.next_units) or 'nobody'}" if view.is_back else ""
    waits = handoff.target and handoff.state is HandoffState.ACCEPTED
    target = f"{'comes' if view.incoming else 'put it through'} to {handoff.target}" if waits else ""
    known = [handoff.reason, left, target, *view.context.values()]
    print(handoff.call.id, way, state, *filter(None, known), sep="\t", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
