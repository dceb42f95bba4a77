"""The ministry's operators: certified and ended by each other, under the federation's authority."""

from __future__ import annotations

from functools import partial

from twelve333.adapters.holders import HolderRegister
from twelve333.api.registration.v1 import holders_pb2 as pb
from twelve333.core.identity import operator_identity

from ..context import HubContext
from ..keeping import give_operators
from ..store.holders import holders


def holder_register(hub: HubContext) -> HolderRegister:
    """What the hub knows of its operators."""
    kinds = {pb.HOLDER_KIND_OPERATOR: operator_identity}
    return HolderRegister(hub.database, holders, hub.audit, hub.clock, kinds, lambda: hub.authority, partial(give_operators, hub))
