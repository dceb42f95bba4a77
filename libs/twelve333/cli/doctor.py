"""`twelve333 doctor`: how an installation is, check by check, each with what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from cyclopts import App

from ..catalogue.catalogue import sentence
from ..core.decision import Refused, refuse
from ..core.doctor.model import Check, Level, worst
from .common import EXTRA_MISSING, Common, connect, read_text
from .output import show

app = App(name="doctor", help="How an installation is: ask it with its operator's profile, or look at its files on the spot.")
CHECK_FAILED: Final = 5
COLUMNS: Final = ("check", "level", "finding")


@app.default
async def doctor(*, config: Path | None = None, common: Common = Common()) -> int:
    """Run every check; 5 if one failed.

    Args:
        config: settings file (`node.toml`, `hub.toml`) of an installation on this machine, running or not; without it the service that
            the profile names is asked to examine itself.
    """
    if config:
        checks = await _files(config)
    else:
        async with connect(common) as service:
            checks = await service.doctor.examine()
    rows = finding_rows(checks, common.language)
    show(rows, COLUMNS, as_json=common.json)
    return CHECK_FAILED if worst(checks) is Level.FAILED else 0


def finding_rows(checks: Sequence[Check], locale: str) -> list[dict[str, Any]]:
    """Findings as plain values, each with its sentence."""
    return [
        {
            "check": it.name,
            "level": it.level.value,
            "code": it.code,
            "finding": sentence(it.code, it.params, locale),
            "params": dict(it.params),
        }
        for it in checks
    ]


async def _files(config: Path) -> list[Check]:
    """The service whose settings these are looks at its own files."""
    extra = "node" if "province" in await asyncio.to_thread(_names, config) else "hub"
    (point,) = entry_points(group="twelve333.commands", name=extra)
    try:
        found: list[Check] = await import_module(f"{point.module.partition('.')[0]}.doctor").examine_files(config)
    except ModuleNotFoundError as error:
        raise Refused(refuse(EXTRA_MISSING, extra=extra)) from error
    return found


def _names(config: Path) -> set[str]:
    """The settings at the top of the file, however wrong the rest is."""
    lines = read_text(config).splitlines()
    return {line.partition("=")[0].strip() for line in lines if "=" in line and not line.startswith("[")}
