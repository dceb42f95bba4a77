"""How much one caller may ask, and when each of its calls may begin: whoever asks too much waits, and nobody else does.

Rules served: within any `t` seconds calls of a caller begin that cost at most `burst + per_second * t`, whatever others do; what it asks
all at once begins one after another, so that somebody who asks meanwhile does not have to wait for all of it.
Source: token bucket as in RFC 2697 (one rate, one burst); spacing as in the generic cell rate algorithm (ITU-T I.371, virtual scheduling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BYTES_PER_TOKEN: Final = 64 * 1024
AT_ONCE: Final = 4.0  # tokens that are used without a pause in between
SPREAD: Final = 2.0  # seconds over which a whole burst is let through


@dataclass(frozen=True, slots=True)
class Rate:
    """What is granted.

    Args:
        per_second: tokens that come back each second, above 0.
        burst: tokens at most, at least 1; a caller that was quiet has them all.
    """

    per_second: float
    burst: float

    @property
    def pace(self) -> float:
        """Tokens a second while there are some: the rate if that is more than a burst spread over its time."""
        return max(self.per_second, self.burst / SPREAD)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one caller has left.

    Args:
        tokens: the burst at most; below 0 they are promised to calls that wait for them.
        at: when that was so, in seconds of a clock that only goes forward.
        paced_to: until when what was granted keeps the caller busy at its pace.
    """

    tokens: float
    at: float
    paced_to: float = 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking.

    Args:
        bucket: to keep for the next time.
        wait: seconds until the same may be asked again and is granted without patience; 0 if it was granted now.
        delay: seconds until what was granted may begin.
    """

    bucket: Bucket
    wait: float
    delay: float = 0.0

    @property
    def granted(self) -> bool:
        """Whether the tokens were taken."""
        return self.wait == 0.0


def cost_of(request_bytes: int) -> float:
    """Tokens that an RPC costs: one, and one more for each full 64 KiB of its request."""
    return 1.0 + request_bytes // BYTES_PER_TOKEN


def take(bucket: Bucket | None, rate: Rate, cost: float, now: float, patience: float = 0.0) -> Taken:
    """Take `cost` tokens, or nothing if it would have to wait too long for them.

    Args:
        bucket: as kept; None for a caller that is new or long gone, which has the whole burst.
        rate: what this caller is granted.
        cost: tokens, above 0; one that is above the burst counts as the burst, or it would never be granted.
        now: seconds of the clock of `bucket.at`; an earlier time adds nothing.
        patience: seconds that it may wait for its turn.
    """
    price = min(cost, rate.burst)
    if bucket is None:
        bucket = Bucket(rate.burst, now, now)
    at = max(bucket.at, now)
    tokens = min(rate.burst, bucket.tokens + (at - bucket.at) * rate.per_second)
    due = max((price - tokens) / rate.per_second, bucket.paced_to - AT_ONCE / rate.pace - at, 0.0)
    if due > patience:
        return Taken(Bucket(tokens, at, bucket.paced_to), due)
    paced_to = max(bucket.paced_to, at) + price / rate.pace
    return Taken(Bucket(tokens - price, at, paced_to), 0.0, due)
