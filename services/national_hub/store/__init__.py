"""What the hub keeps. Importing this package declares every table (one import line per capability, for migrations)."""

from . import (
    audit,
    cases,
    certificates,
    coverage,
    encryption,
    holders,
    leases,
    library,
    life,
    policies,
    proposals,
    recovery,
    registration,
    retention,
    routing,
    standing,
    unit_history,
)
from .metadata import delivery_of, metadata

__all__ = [
    "audit",
    "cases",
    "certificates",
    "coverage",
    "delivery_of",
    "encryption",
    "holders",
    "leases",
    "library",
    "life",
    "metadata",
    "policies",
    "proposals",
    "recovery",
    "registration",
    "retention",
    "routing",
    "standing",
    "unit_history",
]
