"""What the ministry asks for before a unit goes a step further, as a YAML file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ..core.registration.life import USUAL_POLICY, LifePolicy, Proof, Side, Stage, StageRule
from .yaml_file import read_document


def read_life_policy(path: Path) -> LifePolicy:
    """Read a policy.

    Args:
        path: of the file, `-` for standard input.

    Raises:
        Refused: CLI_FILE_*.
    """
    values = read_document(path, "life")
    rules = [_rule(Stage(stage), needed) for stage, needed in values["steps"].items()]
    usual = USUAL_POLICY
    return LifePolicy(
        tuple(rules),
        values.get("evidence_days", usual.evidence_days),
        values.get("silent_days", usual.silent_days),
        values.get("prompts_sha256", ""),
    )


def life_policy_values(policy: LifePolicy) -> dict[str, Any]:
    """A policy as plain values, as its file has them."""
    values: dict[str, Any] = {"evidence_days": policy.evidence_days, "silent_days": policy.silent_days}
    if policy.prompts_sha256:
        values["prompts_sha256"] = policy.prompts_sha256
    return values | {"steps": {rule.stage.value: _needed(rule) for rule in policy.rules}}


def life_policy_text(policy: LifePolicy) -> str:
    """A policy as a file that `read_life_policy` reads."""
    return yaml.safe_dump(life_policy_values(policy), sort_keys=False, default_flow_style=None)


def _rule(stage: Stage, needed: dict[str, list[str]]) -> StageRule:
    return StageRule(stage, tuple(map(Proof, needed.get("proofs", ()))), tuple(map(Side, needed.get("approvals", ()))))


def _needed(rule: StageRule) -> dict[str, list[str]]:
    needed = {"proofs": [proof.value for proof in rule.proofs], "approvals": [side.value for side in rule.approvals]}
    return {name: said for name, said in needed.items() if said}
