"""The lock carries hashes and no address, and its first part alone is enough to run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MARKER = "# development\n"


def names(text: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", text, flags=re.MULTILINE))


def required(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    found = (re.match(r"[A-Za-z0-9-]+", line) for line in lines)
    return {match.group().lower() for match in found if match} - {"twelve333"}


def test_no_line_holds_an_address() -> None:
    assert [line for line in LOCK.splitlines() if "://" in line or line.startswith("--")] == []


def test_every_package_has_hashes() -> None:
    entries = re.split(r"^(?=[a-z0-9])", LOCK.replace(MARKER, ""), flags=re.MULTILINE)
    assert [entry for entry in entries if entry.strip() and "--hash=sha256:" not in entry] == []


def test_the_first_part_runs_hub_and_node() -> None:
    run = names(LOCK.split(MARKER)[0])
    assert required("service") | {"hatchling"} <= run
    assert not {"pytest", "mypy", "helm-python-sdk"} & run


def test_the_whole_serves_development() -> None:
    assert required("service", "dev") <= names(LOCK)
