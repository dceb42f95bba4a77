"""Whether a trace that came from elsewhere is recorded, told by looking only: most are not, and making a span of one costs far more."""

from __future__ import annotations

from collections.abc import Mapping


def is_sampled(carrier: Mapping[str, str]) -> bool:
    """Whether the sender of these W3C headers records the trace: the last bit of `traceparent`."""
    flags = carrier.get("traceparent", "").rpartition("-")[2]
    return len(flags) == 2 and flags[1] in "13579bdf"
