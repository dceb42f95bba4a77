"""What the hub knows itself of a unit, looked up whenever it is asked for: nobody has to be believed for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters.sql.library_playing import playing_of, published_prompts
from twelve333.core.coverage.hours import Schedule
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.core.registration.life import SEEN_BY_HUB, Evidence, Proof
from twelve333.core.registration.model import Unit
from twelve333.wire.declarations import declaration_from_wire
from twelve333.wire.life import DETAIL_CHARS_MAX

from .store import coverage as declarations
from .store import life, registration
from .store.certificates import load_certificates
from .store.library import playing, tables

CERTIFICATE_LEFT: Final = timedelta(days=1)
MINUTES_AN_HOUR: Final = 60


def evidence_of(tx: Connection, unit: Unit, now: datetime) -> list[Evidence]:
    """All that is on record of a unit, and what the hub sees now."""
    own = own_evidence(tx, unit, now)
    seen = SEEN_BY_HUB | {it.proof for it in own}
    return [*(it for it in life.load_evidence(tx, unit.code) if it.proof not in seen), *own]


def own_evidence(tx: Connection, unit: Unit, now: datetime) -> list[Evidence]:
    """Certificate in use, hours and contact; and what it plays, if any prompt is published."""
    kept = declarations.load_declaration(tx, unit.code, now)
    declared = declaration_from_wire(kept) if kept else None
    minutes = _minutes(Schedule(declared.hours)) if declared else 0
    contact = declared.contact.office if declared and declared.contact else ""
    return [
        _certificate(tx, unit, now),
        _said(Proof.HOURS, f"{minutes / MINUTES_AN_HOUR:g} h a week" if minutes else "", codes.PROOF_HOURS.name, now),
        _said(Proof.CONTACT, contact, codes.PROOF_CONTACT.name, now),
        *_prompts(tx, unit, now),
    ]


def _prompts(tx: Connection, unit: Unit, now: datetime) -> list[Evidence]:
    """Whether its telephone system reports the sound that is published, for each prompt; nothing if none is published."""
    wanted = published_prompts(tx, tables, now)
    reported = _reported(tx, unit)
    if not wanted:
        return []
    other = sorted(name for name, digest in wanted.items() if name in reported and reported[name][0] != digest)
    missing = sorted(wanted.keys() - reported)
    if other or missing:
        code = codes.PROMPTS_OTHER if other else codes.PROMPTS_UNREPORTED
        return [Evidence(Proof.PROMPTS, False, now, HUB, ", ".join(other or missing)[:DETAIL_CHARS_MAX], code.name)]
    oldest = min(reported[name][1] for name in wanted)
    return [Evidence(Proof.PROMPTS, True, oldest, HUB, f"{len(wanted)} prompts as published, as reported")]


def _reported(tx: Connection, unit: Unit) -> dict[str, tuple[bytes, datetime]]:
    """What was reported for the unit at the member that serves it.

    What a telephone system reports without saying for which unit counts if its member serves no other unit, planned ones included: it
    can be of nobody else. Where a member serves more, one system's word would prove another's sound.
    """
    own = playing_of(tx, playing, unit.member, unit.code)
    served = [code for code, member in registration.serving(tx).items() if member == unit.member]
    return playing_of(tx, playing, unit.member) | own if served == [unit.code] else own


def _certificate(tx: Connection, unit: Unit, now: datetime) -> Evidence:
    issued = load_certificates(tx, unit.member)
    latest = issued[-1] if issued else None
    good = latest is not None and latest.revoked_at is None and latest.not_after > now + CERTIFICATE_LEFT
    detail = f"{latest.serial[:16]} until {latest.not_after:%Y-%m-%d}" if latest else ""
    return Evidence(Proof.CERTIFICATE, good, now, HUB, detail, "" if good else codes.PROOF_CERTIFICATE.name)


def _said(proof: Proof, detail: str, code: str, now: datetime) -> Evidence:
    return Evidence(proof, bool(detail), now, HUB, detail, "" if detail else code)


def _minutes(schedule: Schedule) -> int:
    """Minutes of the usual week in which a consultant answers."""
    week = next(iter(schedule.weeks()))
    return sum(span.end - span.start for spans in week.values() for span in spans)
