"""Who may call what at a node: one table a listener, one row an RPC, checked before any handler runs."""

from __future__ import annotations

from typing import Final

from twelve333.adapters.rpc.access import AccessTable
from twelve333.adapters.rpc.health import AUTHENTICATED_ROWS
from twelve333.core.identity import Role

_API: Final = "/twelve333.api"
LOCAL: Final = frozenset({Role.DESK, Role.LOCAL_OPERATOR})
LOCAL_OPERATOR: Final = frozenset({Role.LOCAL_OPERATOR})
NODE: Final = frozenset({Role.NODE})

# For hub and other nodes.
FEDERATION: Final[AccessTable] = {
    **AUTHENTICATED_ROWS,
}

# For the province's own desktops, business systems and operators.
DESK: Final[AccessTable] = {
    **AUTHENTICATED_ROWS,
    f"{_API}.registration.v1.NodeService/GetNodeStatus": LOCAL,
    f"{_API}.cases.v1.CaseService/OpenCase": LOCAL,
    f"{_API}.cases.v1.CaseService/TransferCase": LOCAL,
    f"{_API}.cases.v1.CaseService/AcceptCase": LOCAL,
    f"{_API}.cases.v1.CaseService/RefuseCase": LOCAL,
    f"{_API}.cases.v1.CaseService/AnswerCase": LOCAL,
    f"{_API}.cases.v1.CaseService/TellCaller": LOCAL,
    f"{_API}.cases.v1.CaseService/CloseCase": LOCAL,
    f"{_API}.cases.v1.CaseService/GetCase": LOCAL,
    f"{_API}.cases.v1.CaseService/ListCases": LOCAL,
}
