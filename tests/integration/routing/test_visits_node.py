"""A node and the signed list of units visited, with keys that the authority certified: checked, kept, and carried on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.members import Federation
from tests.support.one_node import UNUSED, Node, called_by, code_of, offer

from twelve333.adapters.bus.signed import Signing
from twelve333.adapters.signing.statements import Signer, Verifier
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.core.coverage.model import Verdict
from twelve333.core.identity import node_identity
from twelve333.core.routing.model import Call
from twelve333.core.routing.visits import Visit, Visits, onward
from twelve333.wire.visits import visits_from_wire, visits_to_wire


class Keys:
    """The signing keys of two provinces, the node's attached to it."""

    def __init__(self, node: Node, folder: Path) -> None:
        made = Federation.create(folder)
        self._folders = {member: made.certify(node_identity(member)) for member in ("350000", "360000")}
        ours = self._folders["350000"]
        verifier = Verifier(ours, lambda _: False, lambda: datetime.now(UTC))
        node.parts.visits.attach(Signing(Signer(ours), verifier, lambda _: True))

    def visits(self, node: Node, member: str, unit: str, before: Visits | None = None, first_id: str = "h1", to: str = "350100") -> Visits:
        signer = Signer(self._folders[member])

        def sign(words: bytes) -> tuple[bytes, tuple[bytes, ...]]:
            signature = signer.sign(words)
            return signature.value, tuple(signature.chain)

        return onward(before, first_id, Visit(unit, member, to, node.now), sign)


@pytest.fixture
def keys(node: Node, tmp_path: Path) -> Keys:
    return Keys(node, tmp_path / "keys")


def offered(visits: Visits, name: str = "h1", unit: str = "350100") -> pb.OfferHandoffRequest:
    request = offer(name, unit)
    request.call.visited[:] = visits.units
    request.visits.CopyFrom(visits_to_wire(visits))
    return request


async def test_a_list_is_checked_kept_and_signed_on_when_the_call_goes_on(node: Node, keys: Keys) -> None:
    with called_by("360000"):
        await node.peer.OfferHandoff(offered(keys.visits(node, "360000", "360400")), UNUSED)
    onward_call = await node.parts.handoffs.place(Call("h2", "360400"), "350100", (), after="h1")
    assert onward_call.route is not None
    assert next((each.unit, each.verdict) for each in onward_call.route.candidates) == ("360400", Verdict.LOOP)
    assert onward_call.call.visited == ("360400", "350100")
    before = await node.context.database.read(lambda tx: node.parts.visits.before(tx, "h1", "350100"))
    signed = node.parts.visits.signed(before, replace(onward_call, unit="350200"))
    assert signed is not None and (signed.first_id, signed.units) == ("h1", ("360400", "350100"))
    assert visits_from_wire(visits_to_wire(signed)) == signed


async def test_a_forged_list_gets_no_seat(node: Node, keys: Keys) -> None:
    good = keys.visits(node, "360000", "360400")
    stolen = Visits("other", good.hops)
    with called_by("360000"):
        assert await code_of(node.peer.OfferHandoff(offered(stolen), UNUSED)) == "ROUTING_VISITED_FORGED"
        forged = keys.visits(node, "360000", "360400", Visits("h1", (Visit("350200", "350000", "360400", node.now, b"forged"),)))
        assert await code_of(node.peer.OfferHandoff(offered(forged), UNUSED)) == "ROUTING_VISITED_FORGED"
        unproved = offer()
        unproved.call.visited[:] = ["350200", "360400"]
        assert await code_of(node.peer.OfferHandoff(unproved, UNUSED)) == "ROUTING_VISITED_UNPROVED"
        odd = offered(good)
        cast("Timestamp", odd.visits.hops[0].at).seconds = 2**60
        assert await code_of(node.peer.OfferHandoff(odd, UNUSED)) == "COVERAGE_TIME_OUT_OF_RANGE"


async def test_a_unit_knows_a_call_again_that_it_handed_on_whatever_others_left_out(node: Node, keys: Keys) -> None:
    await node.parts.handoffs.place(Call("h1", "350200"), "350100", ())
    with called_by("360000"):
        stripped = keys.visits(node, "360000", "360400", first_id="h1")
        assert await code_of(node.peer.OfferHandoff(offered(stripped, "h7"), UNUSED)) == "ROUTING_LOOP"


async def test_only_the_unit_to_which_a_call_came_hands_it_on(node: Node, keys: Keys) -> None:
    with called_by("360000"):
        await node.peer.OfferHandoff(offered(keys.visits(node, "360000", "360400")), UNUSED)
    assert await code_of(node.parts.handoffs.place(Call("h2", "360400"), "350200", (), after="h1")) == "ROUTING_ONWARD_OTHER_UNIT"
    assert await code_of(node.parts.handoffs.place(Call("h2", "360400"), "350200", (), after="nobody")) == "ROUTING_HANDOFF_UNKNOWN"
