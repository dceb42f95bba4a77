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
NOBODY: Final = frozenset[Role]()
MEMBERS: Final = frozenset({Role.HUB, Role.NODE})

# For hub and other nodes.
FEDERATION: Final[AccessTable] = {
    **AUTHENTICATED_ROWS,
    f"{_API}.delivery.v1.DeliveryPeerService/DeliverEvents": MEMBERS,
    f"{_API}.audit.v1.AuditService/ListAuditRecords": NOBODY,
    f"{_API}.audit.v1.AuditService/ListWitnessedHeads": MEMBERS,  # each of its own log
    f"{_API}.library.v1.LibraryBlobService/ListMissingPieces": NOBODY,
    f"{_API}.library.v1.LibraryBlobService/PutPieces": NOBODY,
    f"{_API}.library.v1.LibraryBlobService/FetchPieces": MEMBERS,
    f"{_API}.routing.v1.HandoffPeerService/OfferHandoff": NODE,
    f"{_API}.routing.v1.HandoffPeerService/NotifyHandoff": NODE,
    f"{_API}.routing.v1.HandoffPeerService/ReportOutcome": NODE,
    f"{_API}.routing.v1.HandoffPeerService/FetchContext": NODE,
    f"{_API}.routing.v1.TestCallPeerService/CallBack": NODE,
    f"{_API}.routing.v1.SlotPeerService/RenewSlots": NODE,
    f"{_API}.library.v1.LibraryCopyService/GetCheckpoint": MEMBERS,
    f"{_API}.library.v1.LibraryCopyService/GetDigests": MEMBERS,
    f"{_API}.library.v1.LibraryCopyService/PullLog": MEMBERS,
    f"{_API}.library.v1.LibraryCopyService/PullParts": MEMBERS,
}

# For the province's own desktops, business systems and operators.
DESK: Final[AccessTable] = {
    **AUTHENTICATED_ROWS,
    f"{_API}.registration.v1.NodeService/GetNodeStatus": LOCAL,
    f"{_API}.doctor.v1.DoctorService/Examine": LOCAL,
    f"{_API}.registration.v1.UnitVerifyService/VerifyUnit": LOCAL_OPERATOR,
    f"{_API}.registration.v1.UnitLifeService/GetUnitLife": LOCAL_OPERATOR,
    f"{_API}.registration.v1.UnitLifeService/AskStep": LOCAL_OPERATOR,
    f"{_API}.registration.v1.UnitLifeService/DecideStep": LOCAL_OPERATOR,
    f"{_API}.registration.v1.UnitLifeService/ListPendingSteps": LOCAL_OPERATOR,
    f"{_API}.registration.v1.UnitLifeService/GetLifePolicy": LOCAL_OPERATOR,
    f"{_API}.registration.v1.HolderService/CertifyHolder": LOCAL_OPERATOR,
    f"{_API}.registration.v1.HolderService/ListHolders": LOCAL_OPERATOR,
    f"{_API}.registration.v1.HolderService/RevokeHolder": LOCAL_OPERATOR,
    f"{_API}.coverage.v1.CoverageService/GetCoverage": LOCAL,
    f"{_API}.coverage.v1.CoverageService/ResolveCoverage": LOCAL,
    f"{_API}.delivery.v1.DeliveryService/GetDeliveryStatus": LOCAL_OPERATOR,
    f"{_API}.audit.v1.AuditService/ListAuditRecords": LOCAL_OPERATOR,
    f"{_API}.audit.v1.AuditService/ListWitnessedHeads": LOCAL_OPERATOR,
    f"{_API}.delivery.v1.DeliveryService/ListParkedEvents": LOCAL_OPERATOR,
    f"{_API}.delivery.v1.DeliveryService/GetParkedEvent": LOCAL_OPERATOR,
    f"{_API}.delivery.v1.DeliveryService/RetryParkedEvent": LOCAL_OPERATOR,
    f"{_API}.delivery.v1.DeliveryService/DropParkedEvent": LOCAL_OPERATOR,
    f"{_API}.delivery.v1.DeliveryService/ClearAlarms": LOCAL_OPERATOR,
    f"{_API}.routing.v1.RoutingService/ExplainRoute": LOCAL,
    f"{_API}.routing.v1.QueueService/ReportQueue": LOCAL,
    f"{_API}.routing.v1.QueueService/ListQueues": LOCAL,
    f"{_API}.routing.v1.ReplayService/ReplayRoute": LOCAL_OPERATOR,
    f"{_API}.routing.v1.ReplayService/CompareRules": LOCAL_OPERATOR,
    f"{_API}.routing.v1.HandoffService/PlaceHandoff": LOCAL,
    f"{_API}.routing.v1.HandoffService/ReportConnected": LOCAL,
    f"{_API}.routing.v1.HandoffService/ReportConference": LOCAL,
    f"{_API}.routing.v1.HandoffService/ReportCompleted": LOCAL,
    f"{_API}.routing.v1.HandoffService/ReturnHandoff": LOCAL,
    f"{_API}.routing.v1.HandoffService/GetHandoff": LOCAL,
    f"{_API}.routing.v1.HandoffService/ListHandoffs": LOCAL,
    f"{_API}.routing.v1.CallbackService/SettleLastResort": LOCAL,
    f"{_API}.routing.v1.CallbackService/ListCallbacks": LOCAL,
    f"{_API}.routing.v1.CallbackService/TakeCallback": LOCAL,
    f"{_API}.routing.v1.CallbackService/ReportCallbackDone": LOCAL,
    f"{_API}.routing.v1.CallbackService/ReportCallbackMissed": LOCAL,
    f"{_API}.routing.v1.DeskService/WatchHandoffs": LOCAL,
    f"{_API}.routing.v1.DeskService/TakeHandoff": LOCAL,
    f"{_API}.library.v1.LibraryService/Search": LOCAL,
    f"{_API}.library.v1.LibraryService/GetEntry": LOCAL,
    f"{_API}.library.v1.LibraryService/ListEntries": LOCAL,
    f"{_API}.library.v1.LibraryService/GetRelease": LOCAL,
    f"{_API}.library.v1.LibraryBlobService/ListMissingPieces": LOCAL,
    f"{_API}.library.v1.LibraryBlobService/PutPieces": NOBODY,  # published at the hub
    f"{_API}.library.v1.LibraryBlobService/FetchPieces": LOCAL,
    f"{_API}.library.v1.LibraryPlayingService/ReportPlaying": LOCAL,
    f"{_API}.library.v1.LibraryPlayingService/ListPlaying": LOCAL,
    f"{_API}.library.v1.LibraryTopicService/ListTopics": LOCAL,
    f"{_API}.library.v1.LibraryDemandService/ListDemand": LOCAL,
    f"{_API}.library.v1.LibraryHistoryService/ListVersions": LOCAL,
    f"{_API}.library.v1.LibraryHistoryService/GetTextAt": LOCAL,
    f"{_API}.library.v1.ProposalService/Propose": LOCAL,
    f"{_API}.library.v1.ProposalService/GetProposal": LOCAL,
    f"{_API}.library.v1.ProposalService/ListProposals": LOCAL,
    f"{_API}.library.v1.ProposalService/ReviewProposal": LOCAL_OPERATOR,
    f"{_API}.library.v1.ProposalService/ListTasks": LOCAL,
    f"{_API}.library.v1.ProposalService/ResolveTask": LOCAL_OPERATOR,
    f"{_API}.library.v1.SupplementService/PutSupplement": LOCAL_OPERATOR,
    f"{_API}.library.v1.SupplementService/RemoveSupplement": LOCAL_OPERATOR,
    f"{_API}.library.v1.SupplementService/ListSupplements": LOCAL,
    f"{_API}.library.v1.LibraryCheckService/CheckLibrary": LOCAL_OPERATOR,
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
