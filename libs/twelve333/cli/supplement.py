"""`twelve333 library supplement`: a province's own words beside a national entry, seen at its desks only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from cyclopts import App
from rich.text import Text

from ..core.library.supplements import Supplement
from .common import Common, InputFile, connect, read_text, titled
from .output import console, show

COLUMNS: Final = ("id", "entry", "unit", "hangs_on", "text", "by", "at")
_ANCHOR_CHARS: Final = 24

app = App(name="supplement", help="A province's own words beside entries of the library, seen at its desks only (a node's profile).")


@app.command
async def put(entry: str, *, file: InputFile, at: str = "", unit: str = "", id: str | None = None, common: Common = Common()) -> None:
    """Hang a supplement on an entry; it stays through every update, and asks you once its paragraph reads differently (`library tasks`).

    Args:
        entry: id of the entry.
        file: file with the text, Markdown; `-` reads standard input.
        at: words of the one paragraph that it hangs on; the whole entry if absent.
        unit: for which unit, e.g. 350100; the province if absent.
        id: of a supplement that gets another text; made up if absent.
    """
    text = read_text(file).strip()
    async with connect(common) as node:
        kept = await node.proposals.put_supplement(entry, text, at=at, unit=unit, supplement_id=id)
    show([supplement_row(kept)], COLUMNS, as_json=common.json)


@app.command(name="list")
async def list_supplements(entry: str = "", *, common: Common = Common()) -> None:
    """List supplements.

    Args:
        entry: only those of this entry.
    """
    async with connect(common) as node:
        rows = [supplement_row(each) for each in await node.proposals.supplements(entry)]
    show(rows, COLUMNS, as_json=common.json, title=titled("SUPPLEMENTS", common, count=len(rows)))


@app.command
async def drop(supplement: str, *, common: Common = Common()) -> None:
    """Take a supplement away.

    Args:
        supplement: its id.
    """
    async with connect(common) as node:
        await node.proposals.remove_supplement(supplement)
    show([{"id": supplement, "state": "gone"}], ("id", "state"), as_json=common.json)


def show_supplements(found: Iterable[Supplement], matched: Mapping[str, Iterable[str]] = MappingProxyType({})) -> None:
    """The province's own words, below what they supplement.

    Args:
        matched: words to underline, by supplement.
    """
    for each in found:
        where = f" ({each.anchor[:_ANCHOR_CHARS]}…)" if each.anchor else ""
        text = Text(f"▍{each.unit}{where}: {each.text}", style="bold cyan")
        if words := matched.get(each.supplement_id):
            text.highlight_words(words, "underline", case_sensitive=False)
        console.print(text)


def supplement_row(supplement: Supplement) -> dict[str, Any]:
    """A supplement as a row."""
    return {
        "id": supplement.supplement_id,
        "entry": supplement.entry_id,
        "unit": supplement.unit,
        "hangs_on": supplement.anchor,
        "text": supplement.text,
        "by": supplement.by,
        "at": supplement.at.isoformat(timespec="seconds"),
    }
