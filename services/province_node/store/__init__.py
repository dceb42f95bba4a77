"""What a province node keeps. Importing this package declares every table (one import line per capability, for migrations)."""

from . import (
    alarms,
    audit,
    callbacks,
    cases,
    demand,
    document_vouchers,
    holders,
    library,
    library_frames,
    proposals,
    records,
    registration,
    retention,
    routing,
    slots,
)
from .metadata import delivery_of, metadata

__all__ = [
    "alarms",
    "audit",
    "callbacks",
    "cases",
    "delivery_of",
    "demand",
    "document_vouchers",
    "holders",
    "library",
    "library_frames",
    "metadata",
    "proposals",
    "records",
    "registration",
    "retention",
    "routing",
    "slots",
]
