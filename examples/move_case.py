"""A case that crosses provinces: told in one, worked on in another, and closed only when the unit asked first has told the caller.

    python examples/move_case.py DIR/320000/profiles/desk-1 320100 DIR/310000/profiles/desk-1 310000

DIR is a federation kept by `twelve333 demo --keep DIR` and started again as examples/README.md says.
"""

from __future__ import annotations

import asyncio
import sys

from twelve333.client import Connection, ServiceError
from twelve333.core.cases.model import Case, State


async def main(asked_profile: str, asked_unit: str, other_profile: str, other_unit: str) -> None:
    """Open, transfer, accept, answer, tell, close; each party works at its own node."""
    async with Connection.open_profile(asked_profile) as asked, Connection.open_profile(other_profile) as other:
        case = await asked.cases.open(asked_unit, topic="0301", region=other_unit, summary="wages of three months not paid")
        print(f"{asked_unit} opened {case.case_id}; the caller must be told by {case.caller_due.at:%Y-%m-%d %H:%M} UTC")
        await asked.cases.transfer(case, other_unit)
        offered = await arrived(other, case.case_id, State.OFFERED)
        answered = await other.cases.answer(await other.cases.accept(offered), "the employer was ordered to pay by Friday")
        print(f"{other_unit} answered; its epoch as owner is {answered.owner_epoch}")
        ready = await arrived(asked, case.case_id, State.ANSWERED)
        closed = await asked.cases.close(await asked.cases.tell_caller(ready))
        print(f"{asked_unit} told the caller: {closed.state.value} after {closed.version} steps")


async def arrived(node: Connection, case_id: str, state: State) -> Case:
    """Wait until the events of the other party have reached this node; usually a few milliseconds."""
    async with asyncio.timeout(20):
        while True:
            try:
                case = await node.cases.get(case_id)
                if case.state is state:
                    return case
            except ServiceError as error:
                if error.code != "CASES_NOT_FOUND":
                    raise
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
