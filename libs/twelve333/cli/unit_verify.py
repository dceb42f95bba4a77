"""`twelve333 unit verify`: the proofs of a unit, looked at by the node that serves it and put on record at the hub."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ..catalogue.catalogue import sentence
from ..client import Connection, ServiceError
from ..client.life import UnitLife
from ..core.decision import Code, Kind, Refused, refuse
from ..core.registration.life import LifePolicy, Proof, Stage
from ..core.registration.life_rules import PROOF_CODES
from ..core.registration.model import UnitStatus
from ..wire.codes import METHOD_UNKNOWN
from .common import Common, connect
from .output import print_json, show, show_one
from .unit import app
from .unit_rows import evidence_values, next_of, unit_row

CHECK_FAILED: Final = 5
VERIFY_SECONDS: Final = 60.0
COLUMNS: Final = ("proof", "result", "at", "by", "detail", "why")
VERIFY_AT_NODE: Final = Code("CLI_UNIT_VERIFY_AT_NODE", Kind.INVALID)
PROMPTS_NONE: Final = Code("CLI_UNIT_PROMPTS_NONE", Kind.INVALID)


@app.command
async def verify(code: str, *, prompts: Path | None = None, common: Common = Common(timeout=VERIFY_SECONDS)) -> int:
    """Prove a unit: certificate, doctor, a test call to another province and back, prompts, hours, contact; 5 if one fails.

    Ask the node that serves the unit, so use its operator's profile. A registered unit whose proofs all hold is verified then.

    Args:
        code: GB/T 2260 code, e.g. 230100.
        prompts: folder of the prompts that it plays, as long as none is published; only their hash is told.
    """
    digest = prompts_digest(prompts) if prompts else ""
    async with connect(common) as node:
        life, policy = await _verified(node, code, digest), await node.lives.policy()
        rows = verify_rows(life, policy, datetime.now(UTC), common.language)
        failed = [row["proof"] for row in rows if row["result"] == "failed"]
        unit = life.unit
        if not failed and unit.status is UnitStatus.REGISTERED:
            unit = (await node.lives.ask(code, Stage.VERIFIED)).unit
    after = f"twelve333 unit verify {code} --profile node/profiles/operator" if failed else next_of(unit)
    told = {**unit_row(unit), "failed": failed, "next": after}
    if common.json:
        print_json({**told, "proofs": rows})
    else:
        show(rows, COLUMNS, as_json=False)
        show_one(told, as_json=False)
    return CHECK_FAILED if failed else 0


async def _verified(node: Connection, code: str, digest: str) -> UnitLife:
    try:
        return await node.lives.verify(code, digest)
    except ServiceError as error:
        if error.code == METHOD_UNKNOWN.name:
            raise Refused(refuse(VERIFY_AT_NODE, code=code)) from error
        raise


def verify_rows(life: UnitLife, policy: LifePolicy, now: datetime, locale: str) -> list[dict[str, Any]]:
    """Each proof with its result: ok, failed if a step to being open needs it, else not needed."""
    known = {it.proof: it for it in life.evidence}
    counting = policy.counting(known.values(), now)
    needed = {proof for stage in (Stage.VERIFIED, Stage.OPEN) for proof in policy.rule(stage).proofs}
    rows = []
    for proof in Proof:
        it, holds = known.get(proof), proof in counting
        values = evidence_values(it) if it else {"proof": proof.value}
        last = f"{it.at:%Y-%m-%d} {it.code or it.detail}".strip() if it else "–"
        params = {"code": life.unit.code, "last": last, "days": policy.evidence_days}
        why = None if holds else sentence(PROOF_CODES[proof].name, params, locale)
        rows.append({**values, "result": "ok" if holds else "failed" if proof in needed else "not needed", "why": why})
    return rows


def prompts_digest(folder: Path) -> str:
    """SHA-256 over the prompts in a folder: over the name and the hash of each file, in the order of the names.

    Raises:
        Refused: CLI_UNIT_PROMPTS_NONE.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if not files:
        raise Refused(refuse(PROMPTS_NONE, path=folder))
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
