"""How a table fits: with borders where there is room, without them where there is little, each row as a record where there is none.

Of very many rows the columns that fit are shown, and `…` stands for the rest.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..core.worktime.model import CHINA

UNWATCHED_COLUMNS: Final = 200
"""Width of what goes into a file or a pipe, where no window says one."""

RECORDS_MAX: Final = 25
"""More rows than this stay a table: nobody reads hundreds of records."""

_FOLDED_COLUMNS: Final = 36
_FOLDED_CHINESE: Final = 6
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+\d\d:\d\d|Z)")
_WORD = re.compile(r"[^\s\u2e80-\uffef]+|[\u2e80-\uffef]+")


def console_of_window() -> Console:
    """A console as wide as the window it is seen in; into a file or pipe, wide enough that nothing is folded."""
    watched = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False) if watched else Console(highlight=False, width=UNWATCHED_COLUMNS)


def table_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], width: int) -> Iterable[Table]:
    """What to print for `rows` in `width` columns of text: one table, or a small one for each row if its words would be torn."""
    cells = [[cell(row.get(column)) for column in columns] for row in rows]
    heads = [column.replace("_", " ") for column in columns]
    texts = list(zip(heads, *cells, strict=True))  # by column
    whole = [max(map(cell_len, column)) for column in texts]
    if sum(whole) + 3 * len(whole) + 1 <= width:
        return [_table(heads, cells, Table(header_style="bold", box=box.HEAVY_HEAD))]
    least = [max(map(_longest_word, column)) for column in texts]
    spare = width - sum(least) - 2 * len(least)
    if spare < 0 and len(rows) > RECORDS_MAX and "…" not in columns:
        return table_of([{**row, "…": "…"} for row in rows], _fitting(columns, least, width), width)
    if spare >= 0 or len(rows) > RECORDS_MAX:
        narrow = Table(header_style="bold", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
        return [_table(heads, cells, narrow, _widened(least, whole, spare) if spare >= 0 else ())]
    return [record([(head, text) for head, text in zip(heads, row, strict=True) if text != "–"]) for row in cells]


def record(pairs: Iterable[tuple[str, str]]) -> Table:
    """One thing: its fields below each other."""
    table = Table(Column(no_wrap=True), Column(overflow="fold"), show_header=False)
    for name, text in pairs:
        table.add_row(f"[bold]{name}[/bold]", text)
    return table


def cell(value: Any) -> str:
    """The same in a table, which takes nothing in it for markup."""
    return escape(plain(value))


def plain(value: Any) -> str:
    """A value as a person reads it: yes and no, times in Chinese official time, lists and small things in a line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plain(each)}" for name, each in value.items() if each not in (None, "")) or "–"
    if isinstance(value, (list, tuple)):
        return ("; " if any(isinstance(each, Mapping) for each in value) else ", ").join(map(plain, value))
    if isinstance(value, datetime):
        return _local(value.isoformat())
    return "–" if value is None or value == "" else _TIME.sub(lambda found: _local(found[0]), str(value))


def _local(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone(CHINA)
    precise = moment.microsecond and moment.microsecond % 1000 == 0
    return moment.replace(tzinfo=None).isoformat(" ", "milliseconds" if precise else "seconds")


def _table(heads: Sequence[str], cells: Iterable[Sequence[str]], table: Table, widths: Sequence[int] = ()) -> Table:
    for number, head in enumerate(heads):
        table.add_column(head, overflow="fold", width=widths[number] if widths else None)
    for row in cells:
        table.add_row(*row)
    return table


def _fitting(columns: Sequence[str], least: Sequence[int], width: int) -> list[str]:
    """The first columns that fit beside one that stands for the others; at least one."""
    fitting, used = list[str](), 3
    for column, wide in zip(columns, least, strict=True):
        used += wide + 2
        if fitting and used > width:
            break
        fitting.append(column)
    return [*fitting, "…"]


def _widened(least: Sequence[int], whole: Sequence[int], spare: int) -> list[int]:
    """Widths of columns: what is spare goes first to those that lack least."""
    widths = list(least)
    for number in sorted(range(len(least)), key=lambda each: whole[each] - least[each]):
        more = min(spare, whole[number] - least[number])
        widths[number] += more
        spare -= more
    return widths


def _longest_word(text: str) -> int:
    """Cells that the longest word takes; what is very long may be torn, and Chinese sooner."""
    words = ((cell_len(word), _FOLDED_CHINESE if word[0] >= "\u2e80" else _FOLDED_COLUMNS) for word in _WORD.findall(text))
    return max((min(length, most) for length, most in words), default=1)
