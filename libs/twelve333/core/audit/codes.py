"""Stable codes of what can be wrong with an audit log; their sentences live in the catalogue."""

from __future__ import annotations

from typing import Final

from twelve333.core.decision import Code, Kind

RECORD_CHANGED: Final = Code("AUDIT_RECORD_CHANGED", Kind.PEER_VIOLATION)
RECORD_MISSING: Final = Code("AUDIT_RECORD_MISSING", Kind.PEER_VIOLATION)
TAIL_CUT: Final = Code("AUDIT_TAIL_CUT", Kind.PEER_VIOLATION)
WITNESS_DIFFERS: Final = Code("AUDIT_WITNESS_DIFFERS", Kind.PEER_VIOLATION)
HEADS_UNREADABLE: Final = Code("AUDIT_HEADS_UNREADABLE", Kind.INVALID)
RESTORED_AHEAD: Final = Code("AUDIT_RESTORED_AHEAD", Kind.INVALID)
