"""A unit's rules as a file: what is written is what is read, and a mistake is named by its line."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.core.routing.worlds import world
from tests.support.federation import cli
from twelve333.cli.policy_file import policy_text, read_policy
from twelve333.core.decision import Refused

RULES = """unit: "350100"
rules:
  - id: pensions-at-noon
    priority: 10
    when: {topics: ["0102"], hours: "1-5 11:30-13:30", share_pct: 50}
    prefer:
      - {unit: "350000", weight: 3}
      - {unit: "350200"}
  - id: no-archives
    priority: 5
    when: {topics: ["08"]}
    refuse: true
    valid_from: 2014-06-01 08:00
    valid_until: 2014-06-30
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


def test_a_file_is_read_and_written_back(file: Path, tmp_path: Path) -> None:
    policy = read_policy(file)
    assert [(rule.id, rule.action.value, len(rule.targets)) for rule in policy.rules] == [
        ("pensions-at-noon", "prefer", 2),
        ("no-archives", "refuse", 0),
    ]
    assert policy.rules[1].valid_from is not None
    assert policy.rules[1].valid_from.isoformat() == "2014-06-01T08:00:00+08:00"
    assert policy.rules[1].valid_until is not None
    assert policy.rules[1].valid_until.isoformat() == "2014-06-30T00:00:00+08:00"
    again = tmp_path / "again.yaml"
    again.write_text(policy_text(policy), encoding="utf-8")
    assert read_policy(again) == policy


def test_any_rules_are_written_so_that_they_are_read_back(tmp_path: Path) -> None:
    chance, path = Random(12333), tmp_path / "policy.yaml"
    for policy in [policy for _ in range(30) for policy in world(chance).policies]:
        path.write_text(policy_text(policy), encoding="utf-8")
        assert read_policy(path).rules == policy.rules


@pytest.mark.parametrize(
    ("wrong", "line", "field"),
    [
        (("share_pct: 50", "share_pct: 500"), 5, "rules.0.when.share_pct"),
        (('unit: "350100"', "unit: 350100"), 1, "unit"),
        (("    priority: 5\n", ""), 9, "rules.1.priority"),
        (("weight: 3", "weight: heavy"), 7, "rules.0.prefer.0.weight"),
        (("    priority: 10\n", "    priority: 10\n    priority: 11\n"), 5, "rules.0.priority"),
    ],
)
def test_a_mistake_is_named_by_line_and_field(file: Path, wrong: tuple[str, str], line: int, field: str) -> None:
    file.write_text(RULES.replace(*wrong), encoding="utf-8")
    with pytest.raises(Refused) as refused:
        read_policy(file)
    violations = refused.value.refusal.violations
    assert {(violation.params["line"], violation.path) for violation in violations} == {(str(line), field)}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("rules: [", "CLI_FILE_NOT_YAML"),
        ("", "CLI_FILE_EMPTY"),
        (RULES.replace("prefer:", "pref:"), "give one of prefer, refuse"),
        (RULES.replace("11:30-13:30", "noon"), "CLI_POLICY_VALUE_WRONG"),
        (RULES.replace("2014-06-30", "soon"), "CLI_POLICY_VALUE_WRONG"),
        ("!!python/object/apply:os.getcwd []", "CLI_FILE_NOT_YAML"),
    ],
)
def test_what_cannot_be_read_is_refused_on_the_command_line(file: Path, text: str, code: str) -> None:
    file.write_text(text, encoding="utf-8")
    told = cli("route", "policy", "check", "-f", file)
    assert (told.code, code in told.err, told.out) == (2, True, "")


def test_the_schema_is_printed_for_editors() -> None:
    told = cli("route", "policy", "schema")
    assert told.code == 0 and '"urn:twelve333:policy:v1"' in told.out


def test_the_rules_in_the_documents_are_sound(file: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    file.write_text(document.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    policy = read_policy(file)
    assert [rule.id for rule in policy.rules] == ["wages-at-noon", "half-when-long"]
    told = cli("route", "policy", "check", "-f", file, "--json")
    assert (told.code, f"twelve333 route policy apply -f {file}" in told.out) == (0, True)
