"""Feeds one decoder with inputs made from a seed and watches: no crash, no slow refusal, no memory that grows."""

from __future__ import annotations

import gc
import resource
import time
from dataclasses import dataclass, field
from random import Random
from typing import Final

from ...core.decision import Refusal, Refused
from .mutate import damaged
from .targets import TARGETS, Target

SLOW_S: Final = 0.010  # of CPU, for one input
MEMORY_BYTES_MAX: Final = 128 << 20  # by which a run may grow the process
ONE_INPUT_BYTES_MAX: Final = 32 << 20  # by which one input may raise its peak
VARIANTS: Final = 12  # damaged copies made of one sample
SHOWN_BYTES: Final = 60


@dataclass(slots=True)
class Report:
    """What a run over one decoder came to.

    Args:
        target: the decoder.
        inputs: how many it was given.
        refused: how many of them it did not take.
        slowest_s: CPU seconds of the slowest one.
        grown_bytes: by how much the process grew.
        faults: what must not be: the input (first bytes, hexadecimal) and what happened.
    """

    target: str
    inputs: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    grown_bytes: int = 0
    faults: list[str] = field(default_factory=list)


def fuzz(target: str, inputs: int, seed: int = 0) -> Report:
    """Feed the decoder of that name; the same seed gives the same inputs."""
    chosen, chance, report = TARGETS[target], Random(f"{seed}:{target}"), Report(target)
    before = _peak()
    while report.inputs < inputs:
        sample = chosen.sample(chance)
        for _ in range(min(VARIANTS, inputs - report.inputs)):
            _feed(chosen, damaged(sample, chance), report)
    report.grown_bytes = _peak() - before
    if report.grown_bytes > MEMORY_BYTES_MAX:
        report.faults.append(f"the process grew by {report.grown_bytes} bytes")
    return report


def _feed(target: Target, data: bytes, report: Report) -> None:
    report.inputs += 1
    before = _peak()
    spent = _try(target, data, report)
    if _peak() - before > ONE_INPUT_BYTES_MAX:
        report.faults.append(f"one input took {_peak() - before} bytes: {data[:SHOWN_BYTES].hex()}")
    if spent > SLOW_S:  # perhaps the collector of garbage, or a cold cache: only what is slow again is slow
        gc.collect()
        spent = min(spent, *(_try(target, data, report) for _ in range(3)))
        if spent > SLOW_S:
            report.faults.append(f"{spent * 1000:.1f} ms of CPU: {data[:SHOWN_BYTES].hex()}")
    report.slowest_s = max(report.slowest_s, spent)


def _try(target: Target, data: bytes, report: Report) -> float:
    """One input; CPU seconds it took."""
    expected: tuple[type[Exception], ...] = (Refused, *target.contained)
    began = time.thread_time()
    try:
        answer = target.decode(data)
    except expected:
        answer = None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        answer = None
        report.faults.append(f"{type(error).__name__}: {data[:SHOWN_BYTES].hex()}")
    spent = time.thread_time() - began
    report.refused += answer is None or isinstance(answer, Refusal)
    return spent


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
