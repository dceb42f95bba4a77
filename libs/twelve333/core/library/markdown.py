"""A Markdown file becomes entries: a policy text named `<title>(<date>).md` in a region's folder, or our own form with a head.

Several dates of one title are successive texts of one document: the older ends on the day the newer begins. What a file does not
say stays empty; nothing is guessed beyond its own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from itertools import pairwise
from typing import Final

from ..decision import Refusal, refuse
from ..ids import is_unit_code, is_within
from . import codes
from .model import NATIONAL, Entry, EntryKind, Link, LinkKind
from .rules import is_region

NATIONAL_FOLDER: Final = "national"
CASE_FOLDER: Final = "案例"
OTHER_TOPIC: Final = "99"
HEAD_MARK: Final = "---"
INFO_END: Final = "<!-- INFO END -->"

_FILE_NAME = re.compile(r"^(?P<title>.+?)(?:[(（](?P<date>\d{4}-\d{2}-\d{2})[)）])?\.md$")
_TITLE = re.compile(r"^#[ \u3000]+(.+)$", re.MULTILINE)
_IN_FORCE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日[ \u3000]*(?:起)?(?:施行|实施|生效)")
_ISSUER = re.compile(
    r"^\d{4}年\d{1,2}月\d{1,2}日[ \u3000]+(?:经)?(\S*?(?:常务委员会|人民代表大会(?!常)|国务院|政务院|最高人民法院|部|局))", re.MULTILINE
)
_SESSION = re.compile(r"第?[一二三四五六七八九十百]+届|^中华人民共和国(?=国务院)")
_NUMBER = re.compile(r"([\u4e00-\u9fff]*(?:令|公告)第[ \u3000]?\d+号|[\u4e00-\u9fff]+[〔［\[]\d{4}[〕］\]]\d+号)")


@dataclass(frozen=True, slots=True)
class Topic:
    """A classification code with the words by which a title is recognised."""

    code: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Guide:
    """What the parser knows from outside: topics in order of preference, and place names with their unit codes."""

    topics: Sequence[Topic] = ()
    places: Mapping[str, str] | None = None


def parse_file(path: Sequence[str], text: str, guide: Guide) -> Entry | Refusal:
    """Read one file.

    Args:
        path: folder names below the import root, then the file name.
        text: its content.
        guide: topics and places.
    """
    clean = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return _with_head(clean) if clean.startswith(HEAD_MARK + "\n") else _policy(path, clean, guide)


def succeed(entries: Sequence[Entry]) -> list[Entry]:
    """Close each text of a document on the day its next text begins; texts without a date keep as they are."""
    by_document: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.document and entry.valid_from and not entry.valid_to:
            by_document.setdefault(entry.document, []).append(entry)
    ends: dict[str, date] = {}
    for texts in by_document.values():
        texts.sort(key=lambda entry: entry.valid_from or date.min)
        ends |= {old.id: new.valid_from for old, new in pairwise(texts) if new.valid_from}
    return [replace(entry, valid_to=ends[entry.id]) if entry.id in ends else entry for entry in entries]


def region_of(folders: Sequence[str], title: str, places: Mapping[str, str]) -> str:
    """Where a text applies: the nearest folder named by a code or `national`; a place at the start of the title narrows it."""
    region = next((f for f in reversed(folders) if is_unit_code(f) or f == NATIONAL_FOLDER), NATIONAL_FOLDER)
    if region == NATIONAL_FOLDER:
        return NATIONAL
    named = [code for name, code in places.items() if title.startswith(name) and is_within(code, region)]
    return max(named, key=lambda code: code != region, default=region)


def topics_of(title: str, topics: Sequence[Topic]) -> tuple[str, ...]:
    """Codes whose keywords are in the title; of a branch only the deepest; `OTHER_TOPIC` if there are none."""
    found = [topic.code for topic in topics if any(word in title for word in topic.keywords)]
    deepest = [code for code in found if not any(other != code and other.startswith(code) for other in found)]
    return tuple(deepest) or (OTHER_TOPIC,)


def _policy(path: Sequence[str], text: str, guide: Guide) -> Entry | Refusal:
    """A policy text or published case, named by its file and folder."""
    named = _FILE_NAME.match(path[-1])
    heading = _TITLE.search(text)
    if named is None or heading is None:
        return refuse(codes.FILE_TITLE_MISSING, file=path[-1])
    version = _date(named["date"]) if named["date"] else None
    if named["date"] and version is None:
        return refuse(codes.FILE_DATE_MALFORMED, file=path[-1], date=named["date"])
    preamble, body = _split(text[heading.end() :])
    title = heading[1].strip()
    region = region_of(path[:-1], named["title"], guide.places or {})
    document = f"policy-{region}-{sha256((region + '/' + named['title']).encode()).hexdigest()[:12]}"
    issuer, number = _ISSUER.search(preamble), _NUMBER.search(preamble)
    return Entry(
        id=f"{document}-{version:%Y%m%d}" if version else document,
        kind=EntryKind.CASE if CASE_FOLDER in path[:-1] else EntryKind.POLICY,
        title=title,
        body=body,
        topics=topics_of(title, guide.topics),
        region=region,
        issuing_body=_SESSION.sub("", issuer[1]) if issuer else "",
        document_number=number[1] if number else "",
        document=document,
        valid_from=_stated_start(preamble, version) or version,
        owner_unit=region,
    )


def _split(text: str) -> tuple[str, str]:
    """The lines about the document (adoption, promulgation), and the document."""
    preamble, mark, body = text.partition(INFO_END)
    return (preamble, body.strip()) if mark else ("", text.strip())


def _stated_start(preamble: str, version: date | None) -> date | None:
    """The last day of entry into force that the preamble states, unless it is older than the version itself."""
    stated = [found for match in _IN_FORCE.findall(preamble) if (found := _date("-".join(part.zfill(2) for part in match)))]
    return next((day for day in reversed(stated) if version is None or day >= version), None)


def _with_head(text: str) -> Entry | Refusal:
    """Our own form: `key: value` lines between two lines of `---`, then the text."""
    head, mark, body = text[len(HEAD_MARK) + 1 :].partition(f"\n{HEAD_MARK}\n")
    pairs = [line.partition(":") for line in head.splitlines() if line.strip()]
    if not mark or any(not colon for _, colon, _ in pairs):
        return refuse(codes.FILE_HEAD_MALFORMED, line=next((key for key, colon, _ in pairs if not colon), HEAD_MARK)[:60])
    fields = {key.strip(): value.strip() for key, _, value in pairs}
    unknown = fields.keys() - _HEAD_FIELDS
    kinds = {kind.value: kind for kind in EntryKind if kind is not EntryKind.OTHER}
    if unknown or fields.get("kind") not in kinds:
        return refuse(codes.FILE_HEAD_MALFORMED, line=next(iter(sorted(unknown)), "kind"))
    dates = {name: _date(fields[name]) for name in _DATE_FIELDS if fields.get(name)}
    if wrong := [name for name, day in dates.items() if day is None]:
        return refuse(codes.FILE_DATE_MALFORMED, file=fields.get("id", ""), date=fields[wrong[0]][:20])
    links = links_of(fields.get("links", ""))
    if links is None:
        return refuse(codes.FILE_HEAD_MALFORMED, line=f"links: {fields['links']}"[:60])
    region = fields.get("region", NATIONAL)
    return Entry(
        id=fields.get("id", ""),
        kind=kinds[fields["kind"]],
        title=fields.get("title", ""),
        body=body.strip(),
        topics=tuple(re.findall(r"[^\s,，]+", fields.get("topics", ""))),
        region=region,
        issuing_body=fields.get("issuing_body", ""),
        document_number=fields.get("document_number", ""),
        document=fields.get("document", ""),
        owner_unit=fields.get("owner_unit", region if is_region(region) else NATIONAL),
        sources=tuple(source.strip() for source in re.split("[;；]", fields.get("sources", "")) if source.strip()),
        links=links,
        valid_from=dates.get("valid_from"),
        valid_to=dates.get("valid_to"),
        review_due=dates.get("review_due"),
        applies_from=dates.get("applies_from"),
        applies_to=dates.get("applies_to"),
    )


def links_of(text: str) -> tuple[Link, ...] | None:
    """Links as people write them, `amends ID`, `repeals ID 2020-01-01`, parted by semicolons; None if one is not in order."""
    kinds = {kind.value: kind for kind in LinkKind}
    links: list[Link] = []
    for one in filter(None, (part.strip() for part in re.split("[;；]", text))):
        words = one.split()
        since = _date(words[2]) if len(words) == 3 else None
        if len(words) not in (2, 3) or words[0] not in kinds or (len(words) == 3 and since is None):
            return None
        links.append(Link(kinds[words[0]], words[1], since))
    return tuple(links)


_DATE_FIELDS: Final = ("valid_from", "valid_to", "review_due", "applies_from", "applies_to")
_HEAD_FIELDS: Final = frozenset(
    (
        *("id", "kind", "title", "topics", "region", "issuing_body", "document_number", "document", "owner_unit", "sources", "links"),
        *_DATE_FIELDS,
    )
)


def _date(text: str) -> date | None:
    """A day in ISO 8601, None if there is no such day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
