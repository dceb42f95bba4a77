"""What the demo says: sections, lines and tables for people; nothing while a program waits for JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ...catalogue.catalogue import sentence


class Teller:
    """Speaks in one language, or not at all.

    Args:
        language: `en` or `zh`.
        quiet: say nothing.
    """

    def __init__(self, language: str, *, quiet: bool) -> None:
        self._language = language
        self._console = Console(quiet=quiet, highlight=False)

    def text(self, key: str, **params: object) -> str:
        """A sentence of the catalogue."""
        return sentence(key, {name: str(value) for name, value in params.items()}, self._language)

    def title(self, key: str) -> None:
        """What all this is."""
        self._console.rule(f"[bold]{self.text(key)}")

    def section(self, key: str, **params: object) -> None:
        """A new part of the story."""
        self._console.print(f"\n[bold cyan]{self.text(key, **params)}[/]", soft_wrap=True)

    def say(self, key: str, **params: object) -> None:
        """One line of it."""
        self.line(self.text(key, **params))

    def line(self, text: str) -> None:
        """A line that is made up already."""
        self._console.print(f"   {text}", markup=False, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Rows below each other."""
        table = Table(*columns, header_style="bold", show_header=any(columns), padding=(0, 1))
        for row in rows:
            table.add_row(*map(str, row))
        self._console.print(table)
