"""What the page shows: answers of the library in Chinese words, and addresses that keep the question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote as quoted
from urllib.parse import urlencode

from markupsafe import Markup, escape

from ...api.library.v1 import library_pb2, proposals_pb2
from ...api.library.v1 import service_pb2 as pb
from ...core.decision import Refusal, Refused
from ...core.library.articles import Passage, passages
from ...core.library.citing import Caution, Note, citation, notes
from ...core.library.model import NATIONAL, Entry, EntryKind
from ...core.library.search import fold
from ...wire.library import entry_from_wire
from ...wire.library_parts import known_from_wire

KINDS: Final = {
    EntryKind.POLICY: "政策法规",
    EntryKind.GUIDE: "办事指南",
    EntryKind.QA: "问答",
    EntryKind.CASE: "典型案例",
}
_OTHER: Final = "其他"
_CAUTIONS: Final = {
    Caution.NOT_YET: "尚未施行，{day}起施行",
    Caution.ENDED: "已失效，{day}起不再适用",
    Caution.REPEALED: "{day}被废止：",
    Caution.REPLACED: "{day}被取代：",
    Caution.AMENDED: "{day}的修改尚未写入本文：",
}
Places = Mapping[str, str]  # names by code


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it stands in an address.

    Args:
        query: the words.
        region: of the caller.
        kind: only this, or empty.
        as_at: ISO 8601 date, or empty for today.
        any_time: also what is not in force.
        day: that `as_at` comes to.
    """

    query: str
    region: str
    kind: str
    as_at: str
    any_time: bool
    day: date

    def link(self, **changed: str) -> str:
        """The address of the results, with some values changed."""
        return f"/?{self.values(**changed)}"

    def entry(self, entry_id: str, article: str = "") -> str:
        """The address of an entry, at one of its articles."""
        return f"/entry/{quoted(entry_id, safe='')}?{self.values(at=article)}{'#at' if article else ''}"

    def values(self, **changed: str) -> str:
        """What stands behind the question mark."""
        values = {"q": self.query, "region": self.region, "kind": self.kind, "as_at": self.as_at, "any": "1" if self.any_time else ""}
        return urlencode({name: value for name, value in (values | changed).items() if value})


def shown_day(day: date | None) -> str:
    """A day in Chinese; empty if it is not known."""
    return f"{day.year}年{day.month}月{day.day}日" if day else ""


def marks(text: str, words: Iterable[str]) -> Markup:
    """`text` with every place marked where one of the folded `words` stands; words that overlap (加班, 班费) are one mark."""
    folded, held = fold(text), bytearray(len(text))
    for word in filter(None, words):
        at = folded.find(word)
        while at >= 0:
            held[at : at + len(word)] = b"\1" * len(word)
            at = folded.find(word, at + 1)
    marked = Markup()
    for found, run in groupby(zip(held, text, strict=True), key=itemgetter(0)):
        part = escape("".join(character for _, character in run))
        marked += Markup("<mark>") + part + Markup("</mark>") if found else part
    return marked


def shown_hit(hit: pb.SearchHit, asked: Asked, places: Places) -> dict[str, Any]:
    """One hit."""
    entry = _entry(hit.entry.entry)
    told = notes(entry, known_from_wire(hit.entry.known), asked.day)
    return {
        **_named(entry, places),
        "link": asked.entry(entry.id, hit.article),
        "matched": list(hit.matched),
        "article": hit.article,
        "snippet": hit.snippet,
        "copied": f"{hit.citation}：“{hit.sentence}”" if hit.sentence and hit.article else hit.citation,
        "in_force": hit.in_force,
        "notes": [_note(note, asked) for note in told],
        "supplements": _supplements(hit.supplements, places, {one.supplement_id: list(one.matched) for one in hit.supplement_matches}),
    }


def shown_entry(answer: pb.GetEntryResponse, asked: Asked, places: Places, at: str) -> dict[str, Any]:
    """One entry with its text, its parts in order; `at` is the article that was found."""
    stored = answer.entry
    entry = _entry(stored.entry)
    about = {
        "发布机关": entry.issuing_body,
        "文号": entry.document_number,
        "施行": shown_day(entry.valid_from),
        "失效": shown_day(entry.valid_to),
        "依据": "；".join(entry.sources),
        "维护单位": "部级" if entry.owner_unit == NATIONAL else places.get(entry.owner_unit, entry.owner_unit),
        "复核期限": shown_day(entry.review_due),
        "条目编号": f"{entry.id}，第 {stored.version} 版，第 {stored.release} 号发布",
    }
    return {
        **_named(entry, places),
        "citation": citation(entry, at),
        "notes": [_note(note, asked) for note in notes(entry, known_from_wire(stored.known), asked.day)],
        "about": [(name, value) for name, value in about.items() if value],
        "parts": _parts(passages(entry.body), at),
        "supplements": _supplements(answer.supplements, places),
    }


def _entry(message: library_pb2.Entry) -> Entry:
    entry = entry_from_wire(message)
    if isinstance(entry, Refusal):
        raise Refused(entry)
    return entry


def _named(entry: Entry, places: Places) -> dict[str, Any]:
    issued = entry.document_number or entry.issuing_body
    region = "全国" if entry.region == NATIONAL else places.get(entry.region, entry.region)
    return {"id": entry.id, "title": entry.title, "kind": KINDS.get(entry.kind, _OTHER), "region": region, "issued": issued}


def _note(note: Note, asked: Asked) -> dict[str, str]:
    text = _CAUTIONS[note.caution].format(day=shown_day(note.day))
    return {"text": text, "title": f"《{note.title}》", "link": asked.entry(note.entry_id) if note.entry_id else ""}


def _supplements(
    found: Iterable[proposals_pb2.Supplement], places: Places, matched: Mapping[str, list[str]] = MappingProxyType({})
) -> list[dict[str, Any]]:
    named = [(places.get(one.unit, one.unit), one) for one in found]
    return [{"unit": unit, "text": one.text, "matched": matched.get(one.supplement_id, [])} for unit, one in named]


def _parts(found: Iterable[Passage], at: str) -> list[dict[str, Any]]:
    """The articles and paragraphs, each with its heading where a new one begins."""
    parts, chapter = list[dict[str, Any]](), ""
    for one in found:
        heading = one.chapter if one.chapter != chapter else ""
        parts.append({"chapter": heading, "article": one.article, "text": one.text, "at": bool(at) and one.article == at})
        chapter = one.chapter
    return parts
