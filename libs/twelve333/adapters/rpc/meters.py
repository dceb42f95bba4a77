"""What listeners count: RPCs in hand, how long they took, what was refused. Names and codes only, never who asked.

Source: OpenTelemetry's API, which does next to nothing while there is no SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from opentelemetry import metrics

_METER: Final = metrics.get_meter("twelve333.rpc")
_REFUSED: Final = _METER.create_counter("twelve333.rpc.refused", unit="{rpc}", description="RPCs refused, by code")
_IN_HAND: Final = _METER.create_up_down_counter("twelve333.rpc.in_hand", unit="{rpc}", description="RPCs being served")
_SECONDS: Final = _METER.create_histogram("twelve333.rpc.seconds", unit="s", description="time to serve an RPC, by method")


def count_refused(code: str) -> None:
    """Count one refusal."""
    _REFUSED.add(1, {"code": code})


@contextmanager
def timed(method: str) -> Iterator[None]:
    """Around the serving of one RPC that is registered, so that the names are few."""
    _IN_HAND.add(1)
    began = perf_counter()
    try:
        yield
    finally:
        _IN_HAND.add(-1)
        _SECONDS.record(perf_counter() - began, {"method": method})
