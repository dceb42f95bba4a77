"""How a day looks: one line while it runs, then a table of what became of every call, by province."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from rich.live import Live
from rich.text import Text

from ...catalogue.catalogue import sentence
from ...data import provinces
from ..common import Common
from ..output import console, print_json, show
from .books import ENDS, Book, total
from .day import Day
from .traffic import year_of_2013

COLUMNS: Final = ("province", "calls", "here", "others", "later", "case", "gone", "gone_%", "2013_%", "p95_s", "for")


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
    rows = [_row(names[code], book, printed.get(code)) for code, book in played.books.items()]
    show([*rows, _row("∑", whole, None)], COLUMNS, as_json=False)
    counts = {name: f"{getattr(whole, name):,}" for name in ("calls", *ENDS)}
    times = {"slowest": said["slowest_handoff_ms"], "longest": said["longest_wait_s"]}
    verdicts = ", ".join(f"{name} {count:,}" for name, count in said["verdicts"].items())
    told = {"BOOKS": {**counts, "lost": played.lost}, "TIMES": {**times, "verdicts": verdicts}, "COLUMNS": {}}
    for name, params in told.items():
        console.print(sentence(f"CLI_SIMULATED_{name}", params, common.language), markup=False)


def _row(name: str, book: Book, printed: float | None) -> dict[str, Any]:
    return {
        "province": name,
        "calls": book.calls,
        "here": book.answered,
        "others": book.by_others,
        "later": book.called_back + book.message_heard,
        "case": book.case,
        "gone": book.abandoned,
        "gone_%": f"{book.row()['abandoned_pct']:.1f}",
        "2013_%": None if printed is None else f"{printed:.1f}",
        "p95_s": book.wait_s(0.95),
        "for": book.for_others,
    }


def _abandoned_2013() -> dict[str, float]:
    """Share of those who wanted a consultant that gave up, in per cent, as table 3 prints it."""
    years = {code: year for code, year in year_of_2013().items() if year.calls > year.machine}
    return {code: round(100 * year.abandoned / (year.calls - year.machine), 1) for code, year in years.items()}


def _line(played: Day, hour: float) -> Text:
    whole, centres = total(played.books), played.centres.values()
    talking, waiting = sum(len(each.talking) for each in centres), sum(not one.gone for each in centres for one in each.waiting)
    done = f"here {whole.answered:,}  others {whole.by_others:,}  gone {whole.abandoned:,}"
    return Text(f"{int(hour):02}:{int(hour % 1 * 60):02}  calls {whole.calls:,}  talking {talking:,}  waiting {waiting:,}  {done}")
