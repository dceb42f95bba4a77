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
from .fields import day_of, entry_of, field_of
from .model import NATIONAL, Entry, EntryKind

NATIONAL_FOLDER: Final = "national"
CASE_FOLDER: Final = "案例"
OTHER_TOPIC: Final = "99"
NEEDED: Final = ("id", "kind", "title")  # in the head of our own form
HEAD_MARK: Final = "---"
INFO_END: Final = "<!-- INFO END -->"

_FILE_NAME = re.compile(r"^(?P<title>.+?)(?:[(（](?P<date>\d{4}-\d{2}-\d{2})[)）])?\.md$")
_COLON = re.compile(r"\s*[:：]\s*")
_TITLE = re.compile(r"^#[ \u3000]+(.+)$", re.MULTILINE)
_IN_FORCE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日[ \u3000]*(?:起)?(?:施行|实施|生效)")
_OWN_START = re.compile(
    r"^(?:.{0,20})本[^\s，。；]{1,8}自[ \u3000]*(\d{4})年(\d{1,2})月(\d{1,2})日起(?:正式)?(?:施行|实施|生效)", re.MULTILINE
)
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
    return _with_head(path, clean) if clean.startswith(HEAD_MARK + "\n") else _policy(path, clean, guide)


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


def folder_region(folders: Sequence[str]) -> str:
    """The region that the nearest folder named by a code or `national` says; empty if none does."""
    named = next((folder for folder in reversed(folders) if is_unit_code(folder) or folder == NATIONAL_FOLDER), "")
    return NATIONAL if named == NATIONAL_FOLDER else named


def region_of(folders: Sequence[str], title: str, places: Mapping[str, str]) -> str:
    """Where a text applies: the nearest folder named by a code or `national`; a place at the start of the title narrows it."""
    region = folder_region(folders) or NATIONAL
    if region == NATIONAL:
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
    version = day_of(named["date"]) if named["date"] else None
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
        valid_from=_last_start(_IN_FORCE, preamble, version) or _last_start(_OWN_START, body, version) or version,
        owner_unit=region,
    )


def _split(text: str) -> tuple[str, str]:
    """The lines about the document (adoption, promulgation), and the document."""
    preamble, mark, body = text.partition(INFO_END)
    return (preamble, body.strip()) if mark else ("", text.strip())


def _last_start(stating: re.Pattern[str], text: str, version: date | None) -> date | None:
    """The last day of entry into force that the preamble, or an article of the document itself (`本条例自…起施行`), states; none that is
    older than the version: an amended text still says when the first one entered into force."""
    stated = [found for match in stating.findall(text) if (found := day_of("-".join(part.zfill(2) for part in match)))]
    return next((day for day in reversed(stated) if version is None or day >= version), None)


def headed(stem: str, text: str) -> str:
    """A text with a title: its own, else the one in the name of its file, which may be its first line as well."""
    named = _FILE_NAME.match(f"{stem}.md")
    if named is None or _TITLE.search(text):
        return text
    return f"# {named['title']}\n\n{text.removeprefix(named['title'])}"


def head_of(text: str) -> dict[str, str]:
    """The fields in the head of our own form; empty if the text has none."""
    clean = text.removeprefix("\ufeff").replace("\r\n", "\n")
    head, mark, _ = clean.removeprefix(HEAD_MARK + "\n").partition(f"\n{HEAD_MARK}\n")
    mark = mark if clean.startswith(HEAD_MARK + "\n") else ""
    return {name: value for name, value in _named(head).items() if value is not None} if mark else {}


def _named(head: str) -> dict[str, str | None]:
    """The lines of a head by field, in English or Chinese, with either colon; None for a line that is none."""
    found: dict[str, str | None] = {}
    for line in filter(None, map(str.strip, head.splitlines())):
        key, *value = _COLON.split(line, maxsplit=1)
        found[field_of(key) or key] = value[0] if value else None
    return found


def _with_head(path: Sequence[str], text: str) -> Entry | Refusal:
    """Our own form: `key: value` lines between two lines of `---`, then the text; what names no region is of its folder's."""
    head, mark, body = text[len(HEAD_MARK) + 1 :].partition(f"\n{HEAD_MARK}\n")
    named = _named(head)
    fields = {name: value for name, value in named.items() if value is not None}
    if not mark or len(fields) < len(named):
        return refuse(codes.FILE_HEAD_MALFORMED, line=next((name for name, value in named.items() if value is None), HEAD_MARK)[:60])
    if lacking := [key for key in NEEDED if not fields.get(key)]:
        return refuse(codes.FILE_HEAD_LACKS, keys=", ".join(lacking))
    read = entry_of({"region": folder_region(path[:-1]), **fields}, body)
    if isinstance(read, Entry):
        return read
    if read.code is codes.DATE_MALFORMED:
        return refuse(codes.FILE_DATE_MALFORMED, file=dict(read.params).get("id", ""), date=dict(read.params)["date"])
    return refuse(codes.FILE_HEAD_MALFORMED, line=dict(read.params).get("line", read.path))
