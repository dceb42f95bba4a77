"""How a day looks: one line while it runs, then a table of what became of every call, by province."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ...data import provinces
from ..common import Common
from ..output import console, print_json
from .books import ENDS, Book, total
from .day import Day
from .traffic import year_of_2013

HEADS: Final = ("", "calls", "here", "others", "later", "case", "gone", "%", "2013", "p95 s", "for")


def progress(played: Day, *, quiet: bool) -> Iterator[None]:
    """Play the day; gives each quarter of an hour, and shows it unless `quiet`."""
    if quiet:
        yield from (None for _ in played.run())
        return
    with Live(console=console, transient=True, refresh_per_second=8) as live:
        for hour in played.run():
            live.update(_line(played, hour))
            yield


def result(played: Day, common: Common) -> None:
    """Print what became of every call."""
    whole, names, printed = total(played.books), provinces(), _abandoned_2013()
    said: dict[str, Any] = {
        "lost": played.lost,
        "slowest_handoff_ms": round(1000 * played.exchange.slowest_s),
        "longest_wait_s": round(max(centre.longest_wait for centre in played.centres.values())),
        "verdicts": dict(played.exchange.verdicts.most_common()),
    }
    if common.json:
        rows = [{"province": code, **book.row(), "abandoned_2013_pct": printed.get(code)} for code, book in played.books.items()]
        print_json({"scenario": asdict(played.scenario), "country": whole.row(), **said, "provinces": rows})
        return
    table = Table(box=SIMPLE_HEAD, header_style="bold", show_footer=True, padding=(0, 1, 0, 0))
    for number, head in enumerate(HEADS):
        table.add_column(head, footer=_cells("country", whole, None)[number], justify="right" if number else "left", no_wrap=True)
    for code, book in played.books.items():
        table.add_row(*_cells(names[code], book, printed.get(code)))
    console.print(table)
    ends = " + ".join(f"{getattr(whole, name):,} {name.replace('_', ' ')}" for name in ENDS)
    console.print(f"{whole.calls:,} calls = {ends}; lost: {played.lost}")
    verdicts = ", ".join(f"{name} {count:,}" for name, count in said["verdicts"].items())
    slowest, longest = said["slowest_handoff_ms"], said["longest_wait_s"]
    console.print(f"slowest handoff: {slowest} ms of 800; longest wait: {longest} s; verdicts: {verdicts}")
    console.print("here, others, for: answered by the unit rung, by another, for another; later: called back, or message heard;")
    console.print("gone: gave up in the queue, % of those who wanted a consultant; 2013: that % in table 3; p95 s: until somebody spoke.")


def _cells(name: str, book: Book, printed: float | None) -> tuple[str, ...]:
    counts = (book.calls, book.answered, book.by_others, book.called_back + book.message_heard, book.case, book.abandoned)
    shares = (f"{book.row()['abandoned_pct']:.1f}", "–" if printed is None else f"{printed:.1f}")
    return (name, *map(str, counts), *shares, str(book.wait_s(0.95)), str(book.for_others))


def _abandoned_2013() -> dict[str, float]:
    """Share of those who wanted a consultant that gave up, in per cent, as table 3 prints it."""
    years = {code: year for code, year in year_of_2013().items() if year.calls > year.machine}
    return {code: round(100 * year.abandoned / (year.calls - year.machine), 1) for code, year in years.items()}


def _line(played: Day, hour: float) -> Text:
    whole, centres = total(played.books), played.centres.values()
    talking, waiting = sum(len(each.talking) for each in centres), sum(not one.gone for each in centres for one in each.waiting)
    done = f"here {whole.answered:,}  others {whole.by_others:,}  gone {whole.abandoned:,}"
    return Text(f"{int(hour):02}:{int(hour % 1 * 60):02}  calls {whole.calls:,}  talking {talking:,}  waiting {waiting:,}  {done}")
