"""How much one caller may ask: a token bucket each, so that whoever asks too much waits and nobody else does.

Rule served: within any `t` seconds a caller is granted at most `burst + per_second * t`; what others do does not change that.
Source: token bucket as in RFC 2697 (one rate, one burst).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BYTES_PER_TOKEN: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Rate:
    """What is granted.

    Args:
        per_second: tokens that come back each second, above 0.
        burst: tokens at most, at least 1; a caller that was quiet has them all.
    """

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one caller has left.

    Args:
        tokens: from 0 to the burst.
        at: when that was so, in seconds of a clock that only goes forward.
    """

    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking.

    Args:
        bucket: to keep for the next time.
        wait: seconds until the same may be asked again; 0 if it was granted now.
    """

    bucket: Bucket
    wait: float

    @property
    def granted(self) -> bool:
        """Whether the tokens were taken."""
        return self.wait == 0.0


def cost_of(request_bytes: int) -> float:
    """Tokens that an RPC costs: one, and one more for each full 64 KiB of its request."""
    return 1.0 + request_bytes // BYTES_PER_TOKEN


def take(bucket: Bucket | None, rate: Rate, cost: float, now: float) -> Taken:
    """Take `cost` tokens, or nothing if there are fewer.

    Args:
        bucket: as kept; None for a caller that is new or long gone, which has the whole burst.
        rate: what this caller is granted.
        cost: tokens, above 0; one that is above the burst counts as the burst, or it would never be granted.
        now: seconds of the clock of `bucket.at`; an earlier time adds nothing.
    """
    price = min(cost, rate.burst)
    if bucket is None:
        bucket = Bucket(rate.burst, now)
    at = max(bucket.at, now)
    tokens = min(rate.burst, bucket.tokens + (at - bucket.at) * rate.per_second)
    if tokens >= price:
        return Taken(Bucket(tokens - price, at), 0.0)
    return Taken(Bucket(tokens, at), (price - tokens) / rate.per_second)
