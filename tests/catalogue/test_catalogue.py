"""The catalogue: every refusal has its sentence in both languages, and none can fail in front of a person."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.catalogue import catalogue
from twelve333.core.decision import Code


def _modules() -> Iterator[ModuleType]:
    for package in ("twelve333", "national_hub", "province_node"):
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if ".api." not in found.name and not found.name.endswith(("__main__", ".api")):
                yield importlib.import_module(found.name)


def _codes() -> dict[str, Code]:
    """Every code constant of the library and both services, wherever it is defined."""
    found: dict[str, Code] = {}
    for module in _modules():
        for value in vars(module).values():
            if isinstance(value, Code):
                assert found.setdefault(value.name, value) == value, f"{value.name} has two kinds"
    return found


def test_every_code_has_a_sentence_in_both_languages() -> None:
    missing = {locale: sorted(_codes().keys() - catalogue.keys(locale)) for locale in catalogue.LOCALES}
    assert missing == {"en": [], "zh": []}


def test_both_languages_have_the_same_keys() -> None:
    assert catalogue.keys("en") ^ catalogue.keys("zh") == frozenset()


def test_both_languages_fill_the_same_placeholders() -> None:
    differing = [key for key in catalogue.keys("en") if catalogue.placeholders(key, "en") != catalogue.placeholders(key, "zh")]
    assert differing == []


def test_chinese_sentences_are_chinese() -> None:
    words = {key for key in catalogue.keys("en") if re.search("[a-z]{3}", _without_placeholders(key, "en"))}
    assert [key for key in sorted(words) if not re.search("[\u4e00-\u9fff]", _without_placeholders(key, "zh"))] == []


def _without_placeholders(key: str, locale: str) -> str:
    blanks = dict.fromkeys(catalogue.placeholders(key, locale), "")
    return catalogue.sentence(key, blanks, locale)


def test_a_sentence_is_filled_in_the_wished_language() -> None:
    assert (
        catalogue.sentence("SECURITY_FILE_MISSING", {"path": "/x"}, "en")
        == "The file /x does not exist: give the folder that `hub init` or `node join` made, or put the file there."
    )
    assert (
        catalogue.sentence("SECURITY_FILE_MISSING", {"path": "/x"}, "zh_CN.UTF-8")
        == "文件 /x 不存在：请指定由 `hub init` 或 `node join` 生成的目录，或将文件放到该处。"
    )


def test_a_missing_value_stays_visible_and_an_unknown_key_shows_itself() -> None:
    assert (
        catalogue.sentence("SECURITY_FILE_MISSING")
        == "The file {path} does not exist: give the folder that `hub init` or `node join` made, or put the file there."
    )
    assert catalogue.sentence("NOT_A_KEY", {"x": 1}) == "NOT_A_KEY"


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4), st.text(max_size=20))
def test_no_parameters_and_no_locale_make_it_fail(params: dict[str, str], locale: str) -> None:
    for key in sorted(catalogue.keys("en"))[:40]:
        assert catalogue.sentence(key, params, locale)


def test_values_are_never_reached_into() -> None:
    assert (
        catalogue.sentence("SECURITY_FILE_MISSING", {"path": "{0.__class__}"})
        == "The file {0.__class__} does not exist: give the folder that `hub init` or `node join` made, or put the file there."
    )


@pytest.mark.parametrize(
    ("wish", "locale"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.5, zh;q=0.7", "zh"),
        ("fr", "en"),
        ("", "en"),
        ("C.UTF-8", "en"),
        ("zh_CN.UTF-8", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=x", "en"),
    ],
)
def test_the_locale_is_chosen_by_weight(wish: str, locale: str) -> None:
    assert catalogue.choose_locale(wish) == locale
