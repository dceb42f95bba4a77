"""How results look: tables for people, one JSON document for programs, complaints on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from rich.text import Text

from .tables import cell, console_of_window, record, table_of

console = console_of_window()


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, title: str = "") -> None:
    """Print rows as a table of `columns`, or all their fields as a JSON list."""
    if as_json:
        print_json(list(rows))
        return
    _entitle(title)
    for table in table_of(rows, columns, console.width):
        console.print(table)


def show_one(values: Mapping[str, Any], *, as_json: bool, title: str = "") -> None:
    """Print one thing: its fields below each other, or as a JSON object."""
    if as_json:
        print_json(values)
        return
    _entitle(title)
    console.print(record((name, cell(value)) for name, value in values.items()))


def print_json(value: Any) -> None:
    """Print one JSON document on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def warn(text: str, *, loud: bool) -> None:
    """Print a sentence that nobody should miss: in yellow, or in red on top of everything."""
    console.print(Text(text, style="bold white on red" if loud else "bold yellow"))


def print_line(text: str) -> None:
    """Print one line as it is, however narrow the window, so that it can be copied whole."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(code: str, message: str, details: Iterable[str] = (), *, as_json: bool) -> None:
    """Print a failure on standard error: one sentence, the wrong fields below it, the stable code behind."""
    found = [detail for detail in details if detail != message]
    if as_json:
        sys.stderr.write(json.dumps({"error": {"code": code, "message": message, "details": found}}, ensure_ascii=False) + "\n")
        return
    lines = [f"{message} [{code}]", *(f"  - {detail}" for detail in found)]
    sys.stderr.write("\n".join(lines) + "\n")


def _entitle(title: str) -> None:
    if title:
        console.print(Text(title, style="bold"), soft_wrap=True)


def _plain(value: Any) -> str:
    """What JSON has no form for; a time as in RFC 3339."""
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
