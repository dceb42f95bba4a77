"""A fuzzer for every decoder that faces a peer: seeded, structure-aware, fast enough for a million inputs in `make fuzz`."""

from .run import Report, fuzz
from .targets import TARGETS

__all__ = ["TARGETS", "Report", "fuzz"]
