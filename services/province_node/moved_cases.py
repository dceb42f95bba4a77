"""Looks again and again for cases whose unit moved to another node, and lets them follow; see `core/cases/moving.py`."""

from __future__ import annotations

from functools import partial
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters.telemetry.logs import logger
from twelve333.api.registration.v1 import registration_pb2
from twelve333.catalogue.catalogue import sentence
from twelve333.core.cases.model import Case
from twelve333.core.cases.moving import Whereabouts, follow
from twelve333.core.decision import Decision, Refusal

from .case_steps import CaseSteps, serving_members
from .context import NodeContext
from .store.cases import store

LOOK_SECONDS: Final = 5.0
AT_ONCE: Final = 100

log = logger("cases")


class MovedCases:
    """One for a node.

    Args:
        node: its ports.
    """

    def __init__(self, node: NodeContext) -> None:
        self._node, self._steps = node, CaseSteps(node)

    async def step(self) -> None:
        """Take one step of each case that has to follow its unit."""
        directory = self._node.directory.current
        served = [unit.code for unit in directory.units if unit.member == self._node.province]
        if not directory.units:
            return
        found = await self._node.database.read(lambda tx: store.to_follow(tx, self._node.province, served, AT_ONCE))
        for case in found:
            outcome = await self._node.database.write(partial(self._follow, case_id=case.case_id, directory=directory))
            if isinstance(outcome, Refusal):  # moved too often: a person decides
                log.info("case does not follow its unit", code=outcome.code.name)

    def _follow(self, tx: Connection, case_id: str, directory: registration_pb2.Directory) -> Decision[Case] | Refusal | None:
        case = store.load(tx, case_id, lock=True)
        if case is None:
            return None
        units = {case.first_asked.unit, case.owner.unit} | ({case.pending.to.unit} if case.pending else set())
        known = Whereabouts(self._node.province, serving_members(directory, units), directory.version)
        command = follow(case, known, sentence("CASES_UNIT_MOVED", {}, self._node.settings.locale))
        return self._steps.take(tx, command, case_id, known.member_of, self._node.clock()) if command else None
