"""How results look: tables for people, one JSON document for programs, complaints on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

console = Console(highlight=False)


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, title: str = "") -> None:
    """Print rows as a table of `columns`, or all their fields as a JSON list."""
    if as_json:
        print_json(list(rows))
        return
    table = Table(*(Column(name, overflow="fold") for name in columns), title=title or None, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    console.print(table)


def show_one(values: Mapping[str, Any], *, as_json: bool, title: str = "") -> None:
    """Print one thing: its fields below each other, or as a JSON object."""
    if as_json:
        print_json(values)
        return
    table = Table(Column(no_wrap=True), Column(overflow="fold"), show_header=False, title=title or None, title_justify="left")
    for name, value in values.items():
        table.add_row(f"[bold]{name}[/bold]", _cell(value))
    console.print(table)


def print_json(value: Any) -> None:
    """Print one JSON document on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
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


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return escape(", ".join(map(str, value)))
    return "–" if value is None or value == "" else escape(str(value))
