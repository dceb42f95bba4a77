"""Who may call what at the hub: one row an RPC, checked before any handler runs.

How far a province reaches within an RPC (its own units only) is the core's to decide.
"""

from __future__ import annotations

from typing import Final

from twelve333.adapters.rpc.access import AccessTable
from twelve333.adapters.rpc.health import AUTHENTICATED_ROWS
from twelve333.core.identity import Role

_API: Final = "/twelve333.api"
MEMBERS: Final = frozenset({Role.OPERATOR, Role.NODE})
OPERATOR: Final = frozenset({Role.OPERATOR})
NODE: Final = frozenset({Role.NODE})
NOBODY: Final = frozenset[Role]()

ENROLMENT: Final[AccessTable] = {
    f"{_API}.registration.v1.EnrolmentService/Join": frozenset({Role.ANYONE}),
    f"{_API}.registration.v1.EnrolmentService/RenewExpired": frozenset({Role.ANYONE}),
    f"{_API}.registration.v1.EnrolmentService/Greet": frozenset({Role.ANYONE}),
}

FEDERATION: Final[AccessTable] = {
    **AUTHENTICATED_ROWS,
    f"{_API}.registration.v1.RegistrationService/CreateToken": OPERATOR,
    f"{_API}.registration.v1.RegistrationService/RegisterUnits": MEMBERS,
    f"{_API}.registration.v1.RegistrationService/CheckUnits": MEMBERS,
    f"{_API}.registration.v1.RegistrationService/GetUnit": MEMBERS,
    f"{_API}.registration.v1.RegistrationService/ListUnits": MEMBERS,
    f"{_API}.registration.v1.RegistrationService/ChangeUnitStatus": MEMBERS,
    f"{_API}.registration.v1.RegistrationService/PlanUnit": MEMBERS,
    f"{_API}.registration.v1.RegistrationService/ListMembers": MEMBERS,
    f"{_API}.registration.v1.RegistrationService/GetDirectory": MEMBERS,
    f"{_API}.registration.v1.RegistrationService/RevokeMember": OPERATOR,
    f"{_API}.registration.v1.RegistrationService/ListMemberStandings": OPERATOR,
    f"{_API}.registration.v1.UnitLifeService/GetUnitLife": MEMBERS,
    f"{_API}.registration.v1.UnitLifeService/AskStep": MEMBERS,
    f"{_API}.registration.v1.UnitLifeService/DecideStep": MEMBERS,
    f"{_API}.registration.v1.UnitLifeService/ListPendingSteps": MEMBERS,
    f"{_API}.registration.v1.UnitRecordService/RecordEvidence": NODE,
    f"{_API}.registration.v1.UnitLifeService/GetLifePolicy": MEMBERS,
    f"{_API}.registration.v1.UnitRecordService/CancelUpcoming": MEMBERS,
    f"{_API}.registration.v1.UnitRecordService/SetLifePolicy": OPERATOR,
    f"{_API}.registration.v1.HolderService/CertifyHolder": OPERATOR,
    f"{_API}.registration.v1.HolderService/ListHolders": OPERATOR,
    f"{_API}.registration.v1.HolderService/RevokeHolder": OPERATOR,
    f"{_API}.registration.v1.EncryptionKeyService/SetEncryptionKey": NODE,
    f"{_API}.registration.v1.DirectoryReturnService/ReturnDirectory": NODE,
    f"{_API}.registration.v1.RegistrationService/RenewCertificate": NODE,
    f"{_API}.routing.v1.RoutingPolicyService/PublishPolicy": MEMBERS,
    f"{_API}.routing.v1.RoutingPolicyService/CheckPolicy": MEMBERS,
    f"{_API}.routing.v1.RoutingPolicyService/GetPolicy": MEMBERS,
    f"{_API}.coverage.v1.CoverageService/GetCoverage": MEMBERS,
    f"{_API}.coverage.v1.CoverageService/ResolveCoverage": MEMBERS,
    f"{_API}.delivery.v1.DeliveryService/GetDeliveryStatus": OPERATOR,
    f"{_API}.doctor.v1.DoctorService/Examine": OPERATOR,
    f"{_API}.audit.v1.AuditService/ListAuditRecords": OPERATOR,
    f"{_API}.audit.v1.AuditService/ListWitnessedHeads": MEMBERS,
    f"{_API}.delivery.v1.DeliveryService/ListParkedEvents": OPERATOR,
    f"{_API}.delivery.v1.DeliveryService/GetParkedEvent": OPERATOR,
    f"{_API}.delivery.v1.DeliveryService/RetryParkedEvent": OPERATOR,
    f"{_API}.delivery.v1.DeliveryService/DropParkedEvent": OPERATOR,
    f"{_API}.delivery.v1.DeliveryService/ClearAlarms": OPERATOR,
    f"{_API}.delivery.v1.DeliveryPeerService/DeliverEvents": NODE,
    f"{_API}.delivery.v1.InstanceService/ClaimInstance": NODE,
    f"{_API}.library.v1.LibraryService/Search": MEMBERS,
    f"{_API}.library.v1.LibraryService/GetEntry": MEMBERS,
    f"{_API}.library.v1.LibraryService/ListEntries": MEMBERS,
    f"{_API}.library.v1.LibraryService/GetRelease": MEMBERS,
    f"{_API}.library.v1.LibraryHistoryService/ListVersions": MEMBERS,
    f"{_API}.library.v1.LibraryHistoryService/GetTextAt": MEMBERS,
    f"{_API}.library.v1.LibraryBlobService/ListMissingPieces": OPERATOR,
    f"{_API}.library.v1.LibraryBlobService/PutPieces": OPERATOR,
    f"{_API}.library.v1.LibraryBlobService/FetchPieces": MEMBERS,
    f"{_API}.library.v1.LibraryPlayingService/ReportPlaying": NOBODY,  # said at the node, which tells the hub
    f"{_API}.library.v1.LibraryPlayingService/ListPlaying": OPERATOR,
    f"{_API}.library.v1.LibraryTopicService/ListTopics": MEMBERS,
    f"{_API}.library.v1.LibraryDemandService/ListDemand": OPERATOR,
    f"{_API}.library.v1.LibraryMappingService/ListUnmapped": OPERATOR,
    f"{_API}.library.v1.LibraryMappingService/MapTopic": OPERATOR,
    f"{_API}.library.v1.LibraryPublishService/PublishEntries": OPERATOR,
    f"{_API}.library.v1.LibrarySyncService/PullChanges": NODE,
    f"{_API}.library.v1.LibraryReturnService/ReturnRelease": NODE,
    # Proposals are made at the node of the unit.
    f"{_API}.library.v1.ProposalService/Propose": NOBODY,
    f"{_API}.library.v1.ProposalService/GetProposal": OPERATOR,
    f"{_API}.library.v1.ProposalService/ListProposals": OPERATOR,
    f"{_API}.library.v1.ProposalService/ReviewProposal": OPERATOR,
    f"{_API}.library.v1.ProposalService/ListTasks": OPERATOR,
    f"{_API}.library.v1.ProposalService/ResolveTask": OPERATOR,
    f"{_API}.library.v1.LibraryCopyService/GetCheckpoint": NODE,
    f"{_API}.library.v1.LibraryCopyService/GetDigests": NODE,
    f"{_API}.library.v1.LibraryCopyService/PullLog": NODE,
    f"{_API}.library.v1.LibraryCopyService/PullParts": NODE,
    # Steps are taken at the node of the unit; the hub only shows cases.
    f"{_API}.cases.v1.CaseService/OpenCase": NOBODY,
    f"{_API}.cases.v1.CaseService/TransferCase": NOBODY,
    f"{_API}.cases.v1.CaseService/AcceptCase": NOBODY,
    f"{_API}.cases.v1.CaseService/RefuseCase": NOBODY,
    f"{_API}.cases.v1.CaseService/AnswerCase": NOBODY,
    f"{_API}.cases.v1.CaseService/TellCaller": NOBODY,
    f"{_API}.cases.v1.CaseService/CloseCase": NOBODY,
    f"{_API}.cases.v1.CaseService/GetCase": OPERATOR,
    f"{_API}.cases.v1.CaseService/ListCases": OPERATOR,
}
