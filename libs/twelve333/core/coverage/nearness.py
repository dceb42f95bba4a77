"""Who answers more closely for a topic and a language, of several that answer for the same area; and when a fallback stands in.

Rule of precedence, the same for the proof of coverage and for every call: the longer topic prefix, then the exact language before its
base (`zh-Hant` before `zh`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .model import ALL_TOPICS, FallbackRule, FallbackWhen


def nearness(topics: Iterable[str], languages: Collection[str], topic: str, language: str) -> int:
    """How closely: 0 not at all, else more for a longer prefix, then for the exact language.

    Args:
        topics, languages: what is declared.
        topic: a code, or empty for any.
        language: a tag.
    """
    nearest = max((_of_prefix(prefix, topic) for prefix in topics), default=0)
    exact = language in languages
    return nearest * 2 + exact if nearest and (exact or language.partition("-")[0] in languages) else 0


def _of_prefix(prefix: str, topic: str) -> int:
    if prefix == ALL_TOPICS:
        return 1
    return 1 + len(prefix) if topic.startswith(prefix) else 0


def stands_in(rule: FallbackRule, topic: str, language: str, is_open: bool) -> bool:
    """Whether a fallback's rule lets it stand in for a unit that is open, or closed, at that time.

    Args:
        rule: the unit's rule for this fallback.
        topic: a code, or empty for what no prefix names.
        language: a tag.
        is_open: whether a consultant of the unit answers at that time.
    """
    wrong_time = rule.when is FallbackWhen.CLOSED if is_open else rule.when is FallbackWhen.BUSY
    of_topic = not rule.topics or (bool(topic) and topic.startswith(rule.topics))
    return not wrong_time and of_topic and (not rule.languages or language in rule.languages)
