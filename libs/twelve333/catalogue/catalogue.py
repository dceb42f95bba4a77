"""The message catalogue: one sentence per key and language, merged from all TOML files of `en/` and `zh/`.

Keys are refusal codes and other UPPER_SNAKE names; placeholders are `{name}`. The catalogue itself never fails in front of a
person: an unknown key shows itself, a missing value shows its placeholder. Tests, not users, find those.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from twelve333.core.decision import Code

LOCALES: Final = ("en", "zh")
DEFAULT_LOCALE: Final = "en"

# Only plain names: values are never reached into, as str.format would allow.
_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def sentence(key: Code | str, params: Mapping[str, object] | None = None, locale: str = DEFAULT_LOCALE) -> str:
    """The sentence of `key`, filled.

    Args:
        key: a refusal code or a key of the catalogue; of an unknown one the name itself is returned.
        params: values of the placeholders.
        locale: `en`, `zh`, or anything `choose_locale` understands.
    """
    name = key.name if isinstance(key, Code) else key
    template = _sentences(choose_locale(locale)).get(name) or _sentences(DEFAULT_LOCALE).get(name)
    if template is None:
        return name
    values = params or {}
    return _PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), template)


def keys(locale: str = DEFAULT_LOCALE) -> frozenset[str]:
    """All keys that have a sentence in exactly this locale."""
    return frozenset(_sentences(locale))


def has(key: Code | str) -> bool:
    """Whether the catalogue knows `key`, e.g. one that a newer peer sent."""
    return (key.name if isinstance(key, Code) else key) in _sentences(DEFAULT_LOCALE)


def placeholders(key: str, locale: str = DEFAULT_LOCALE) -> frozenset[str]:
    """The names of the placeholders in the sentence of `key`."""
    return frozenset(_PLACEHOLDER.findall(_sentences(locale).get(key, "")))


@cache
def choose_locale(wish: str) -> str:
    """The best of our locales for a wish: `zh`, `zh_CN.UTF-8`, or `Accept-Language` such as `fr;q=0.9, zh-CN;q=0.8`.

    Source: RFC 9110 section 12.5.4 (ranges, weights), RFC 4647 section 3.4 (lookup by primary subtag).
    """
    ranges = sorted(map(_weighted, wish[:256].split(",")), key=lambda pair: -pair[0])
    found = (locale for weight, tag in ranges if weight > 0 for locale in LOCALES if tag == locale)
    return next(found, DEFAULT_LOCALE)


def _weighted(item: str) -> tuple[float, str]:
    tag, _, weight = item.partition(";")
    primary = tag.strip().lower().replace("_", "-").split("-")[0].split(".")[0]
    try:
        return float(weight.strip().removeprefix("q=") or 1), primary
    except ValueError:
        return 0.0, primary


@cache
def _sentences(locale: str) -> Mapping[str, str]:
    merged: dict[str, str] = {}
    for file in sorted(files(__package__).joinpath(locale).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            _merge(merged, tomllib.loads(file.read_text(encoding="utf-8")), f"{locale}/{file.name}")
    return merged


def _merge(merged: dict[str, str], more: Mapping[str, str], where: str) -> None:
    twice = merged.keys() & more.keys()
    if twice:
        raise ValueError(f"{where}: already given in another file: {', '.join(sorted(twice))}")
    merged.update(more)
