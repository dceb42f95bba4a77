"""How a limited good is divided fairly: as evenly as what each wants allows (max-min), and what nobody wants stays."""

from __future__ import annotations

from collections.abc import Mapping


def even_shares(total: int, wanted: Mapping[str, int], floors: Mapping[str, int]) -> dict[str, int]:
    """Divide whole things.

    Args:
        total: how many there are.
        wanted: by taker, how many it would have.
        floors: what each has already and keeps, be it more than its share; absent: 0.

    Returns:
        A share for each taker: its floor, or the common level, but never more than it wants above its floor. The shares together are
        more than `total` only if the floors are.
    """

    def at(level: int) -> dict[str, int]:
        return {name: max(floors.get(name, 0), min(want, level)) for name, want in wanted.items()}

    low, high = 0, max(wanted.values(), default=0)
    while low < high:
        level = (low + high + 1) // 2
        low, high = (level, high) if sum(at(level).values()) <= total else (low, level - 1)
    shares = at(low)
    left = total - sum(shares.values())
    for name in sorted(name for name, want in wanted.items() if want > shares[name] == low)[: max(left, 0)]:
        shares[name] += 1
    return shares


def level_rates(total: float, wanted: Mapping[str, float]) -> dict[str, float]:
    """Divide a rate as evenly as what each wants allows; nobody gets more than that, so together it may be less than `total`.

    Args:
        total: what there is, not negative.
        wanted: by taker.
    """
    shares, left, waiting = dict[str, float](), total, sorted(wanted, key=lambda name: (wanted[name], name))
    for number, name in enumerate(waiting):
        shares[name] = min(wanted[name], left / (len(waiting) - number))
        left = max(0.0, left - shares[name])
    return shares


def even_rates(total: float, wanted: Mapping[str, float]) -> dict[str, float]:
    """Divide a rate as `level_rates` does, and what is over among all alike, so that everybody may come to want more.

    Returns:
        A share for each taker; together they are `total`, unless nobody is there.
    """
    shares = level_rates(total, wanted)
    over = max(0.0, total - sum(shares.values()))
    return {name: share + over / len(shares) for name, share in shares.items()}
