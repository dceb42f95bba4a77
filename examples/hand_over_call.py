"""A live call goes to the unit that can answer, with its context, so that the caller never repeats it.

    python examples/hand_over_call.py DIR/360000/profiles/desk-1 360400 350100

DIR is a federation kept by `twelve333 demo --keep DIR` and started again as examples/README.md says.
"""

from __future__ import annotations

import asyncio
import sys

from twelve333.client import Connection
from twelve333.client.handoffs import new_id
from twelve333.core.routing.machine import HandoffState


async def main(profile: str, from_unit: str, region: str) -> None:
    """Say where the call would go and why, place it, report that it was put through and ended."""
    async with Connection.open_profile(profile) as node:
        route = await node.routing.explain(region)
        for candidate in route.candidates:
            print(f"{candidate.unit}: {candidate.verdict.value}")
        # Kept by the desktop before asking: after a crash the same id finds the same handoff, and no second seat is held.
        handoff_id = new_id()
        placed = (
            await node.handoffs.place(from_unit, region, context={"question": "where is the file kept?"}, handoff_id=handoff_id)
        ).handoff
        if placed.state is not HandoffState.ACCEPTED:
            sys.exit(f"nobody took it: {placed.last_resort} ({placed.reason})")
        print(f"{placed.unit} took it: put the call through to {placed.target}")
        await node.handoffs.connected(handoff_id)
        ended = (await node.handoffs.completed(handoff_id)).handoff
        print(f"{ended.unit}: {ended.state.value}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
