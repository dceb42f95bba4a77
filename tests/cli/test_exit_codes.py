"""The exit codes of the command line: each of the seven, over commands that a province or the ministry types."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.support.federation import one_federation
from twelve333.catalogue import catalogue
from twelve333.cli.demo.federation import Federation
from twelve333.cli.main import main

pytestmark = [one_federation, pytest.mark.asyncio(loop_scope="session")]
OWN, OTHERS, NOWHERE = "320400", "350100", "320000"
TABLE: list[tuple[int, str, str]] = [
    (0, "node", f"unit show {OWN}"),
    (0, "node", "unit policy"),
    (0, "node", "unit apply -f FILE --dry-run"),
    (0, "operator", "doctor"),
    (1, "node", "unit show 999900"),
    (1, "operator", f"unit approve {OWN}"),
    (1, "node", f"unit cancel {OWN}"),
    (1, "ministry", "unit with-system 230100 --no --timeout 5 --json --profile GONE"),
    (2, "node", "unit check -f BROKEN"),
    (2, "node", "unit show"),
    (2, "node", "unit open 12"),
    (2, "node", f"unit verify {OWN}"),
    (2, "operator", "unit list"),  # the hub knows all units, a node is not asked
    (2, "ministry", "handoff list"),
    (2, "none", f"unit show {OWN}"),
    (3, "node", f"unit wait {OWN} --for suspended --timeout 1s"),
    (4, "node", f"unit suspend {OTHERS}"),
    (4, "desk", f"unit verify {OWN}"),
    (4, "node", "hub token create --province 320000 --token-file TOKEN"),
    (5, "operator", f"unit verify {OWN}"),
    (5, "none", "doctor --config BROKEN"),
    (5, "desk", "coverage resolve 990000"),
    (8, "node", "unit apply -f CHANGED --dry-run"),
]
# What a command of `unit` may be refused with by what somebody typed or by where a unit stands; sentences below others are told by those.
OF_UNITS = re.compile(r"(REGISTRATION_(UNIT|STATUS|PLAN|SINCE|TOO_MANY|EVIDENCE|STEP|NOTHING|APPROVAL|PROMPTS|LIFE|MOVE)|CLI_UNIT)_.*")


async def test_every_exit_code_is_the_documented_one(federation: Federation, tmp_path: Path) -> None:
    profiles = federation.nodes["320000"].folder / "profiles"
    whom = {"node": profiles / "hub", "operator": profiles / "operator", "desk": profiles / "desk-1", "ministry": federation.hub.profile}
    files = {name: tmp_path / name for name in ("FILE", "CHANGED", "BROKEN", "TOKEN", "GONE")}
    async with federation.nodes["320000"].connect(profiles / "hub") as hub:
        unit, declared = await hub.registration.get_entry(OWN)
    from twelve333.cli.unit_document import unit_text

    files["FILE"].write_text(unit_text(unit, declared), encoding="utf-8")
    files["CHANGED"].write_text(unit_text(unit, declared).replace("voicemail: false", "voicemail: true"), encoding="utf-8")
    files["BROKEN"].write_text("unit: '320400'\nseats: many\n", encoding="utf-8")
    wrong = []
    for code, who, line in TABLE:
        words = [str(files.get(word, word)) for word in line.split()]
        profile = [] if who == "none" or "--profile" in words else ["--profile", str(whom[who])]
        ended = await asyncio.to_thread(main, [*words, *profile])
        wrong += [(line, code, ended)] if ended != code else []
    assert wrong == []
    assert {code for code, _, _ in TABLE} == {0, 1, 2, 3, 4, 5, 8}


@pytest.mark.parametrize("locale", ["en", "zh"])
async def test_every_refusal_of_a_unit_command_says_the_next_command(locale: str) -> None:
    codes = [code for code in catalogue.keys(locale) if OF_UNITS.fullmatch(code)]
    assert len(codes) > 20
    assert [code for code in codes if "twelve333 unit" not in catalogue.sentence(code, {}, locale)] == []
