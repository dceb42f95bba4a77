"""`twelve333 route policy`: a unit's rules about its calls, as a file."""

from __future__ import annotations

import sys

from cyclopts import App

from ..schemas import text
from .common import PENDING, Common, InputFile, connect
from .output import print_json, show_one
from .policy_file import policy_text, policy_values, read_policy

app = App(name="policy", help="A unit's rules about its calls, as a file. Ask the hub, so use an operator's or a node's hub profile.")


@app.command
async def show(unit: str, *, common: Common = Common()) -> None:
    """Print the rules in force, as a file that `apply` takes.

    Args:
        unit: GB/T 2260 code, e.g. 350100.
    """
    async with connect(common) as hub:
        rules = await hub.policies.get(unit)
    print_json(policy_values(rules)) if common.json else sys.stdout.write(policy_text(rules))


@app.command
async def apply(*, file: InputFile, dry_run: bool = False, common: Common = Common()) -> int:
    """Put a unit's rules in place of those before; the same again changes nothing.

    Args:
        file: YAML, see `schema`; `-` reads standard input.
        dry_run: only say whether anything would change, and have the hub prove that it may; 8 if it would.
    """
    policy = read_policy(file)
    async with connect(common) as hub:
        if dry_run:
            changes = await hub.policies.check(policy)
            after = f"twelve333 route policy apply -f {file}" if changes else f"twelve333 route policy show {policy.unit}"
            show_one({"unit": policy.unit, "rules": len(policy.rules), "would_change": changes, "next": after}, as_json=common.json)
            return PENDING if changes else 0
        revision, version = await hub.policies.publish(policy)
    told = {"unit": policy.unit, "rules": len(policy.rules), "revision": revision, "directory_version": version}
    show_one({**told, "next": f"twelve333 route explain {policy.unit}"}, as_json=common.json)
    return 0


@app.command
def check(*, file: InputFile, common: Common = Common()) -> None:
    """Check a file without asking anybody; the hub checks units and agreements besides when it is applied.

    Args:
        file: YAML, see `schema`; `-` reads standard input.
    """
    policy = read_policy(file)
    after = f"twelve333 route replay --policy {file} --calls last-month; twelve333 route policy apply -f {file}"
    show_one({"unit": policy.unit, "rules": len(policy.rules), "next": after}, as_json=common.json)


@app.command(name="schema")
def print_schema() -> None:
    """Print the JSON Schema of the file, for editors."""
    sys.stdout.write(text("policy"))
