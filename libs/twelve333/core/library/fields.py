"""An entry as people write it: named fields, each a piece of text. Heads of files and rows of tables read alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from ..decision import FieldViolation
from . import codes
from .model import NATIONAL, Entry, EntryKind, Link, LinkKind
from .rules import is_region

DATE_FIELDS: Final = ("valid_from", "valid_to", "review_due", "applies_from", "applies_to")
TEXT_FIELDS: Final = (
    *("id", "kind", "title", "topics", "region", "issuing_body", "document_number", "document", "owner_unit", "sources", "links"),
)
ATTACHMENTS: Final = "attachments"
FIELDS: Final = (*TEXT_FIELDS, *DATE_FIELDS, ATTACHMENTS)

_CHINESE_FIELDS: Final = {
    "编号": "id",
    "类别": "kind",
    "标题": "title",
    "正文": "body",
    "分类": "topics",
    "分类代码": "topics",
    "地区": "region",
    "发文机关": "issuing_body",
    "文号": "document_number",
    "文件": "document",
    "责任单位": "owner_unit",
    "依据": "sources",
    "关联": "links",
    "施行日期": "valid_from",
    "失效日期": "valid_to",
    "复核日期": "review_due",
    "适用起": "applies_from",
    "适用止": "applies_to",
    "附件": "attachments",
}
_CHINESE_KINDS: Final = {
    "政策": EntryKind.POLICY,
    "指南": EntryKind.GUIDE,
    "问答": EntryKind.QA,
    "案例": EntryKind.CASE,
    "提示音": EntryKind.PROMPT,
    "文件": EntryKind.FILE,
    "分类表": EntryKind.TOPICS,
}
_KINDS: Final = {kind.value: kind for kind in EntryKind if kind is not EntryKind.OTHER} | _CHINESE_KINDS
_LINKS: Final = {kind.value: kind for kind in LinkKind}
_DAY: Final = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})日)")


def field_of(heading: str) -> str:
    """The field that a heading of a table means, in English or Chinese; empty if none."""
    name = heading.strip().lower()
    return name if name in FIELDS or name == "body" else _CHINESE_FIELDS.get(heading.strip(), "")


def entry_of(fields: Mapping[str, str], body: str) -> Entry | FieldViolation:
    """Read an entry from its fields.

    Args:
        fields: text by name; what is empty or not there stays empty. Lists are parted by commas (topics) or semicolons (sources, links).
        body: its text.

    Returns:
        The entry, which the rules have yet to look at; or what cannot be read, with the field.
    """
    kind = _KINDS.get(fields.get("kind", ""))
    if unknown := sorted(fields.keys() - set(FIELDS)):
        return FieldViolation(unknown[0], codes.FILE_HEAD_MALFORMED, {"line": unknown[0][:60]})
    if kind is None:
        return FieldViolation("kind", codes.KIND_MISSING)
    dates = {name: day_of(fields[name]) for name in DATE_FIELDS if fields.get(name)}
    if wrong := [name for name, day in dates.items() if day is None]:
        return FieldViolation(wrong[0], codes.DATE_MALFORMED, {"date": fields[wrong[0]][:20], "id": fields.get("id", "")[:64]})
    links = links_of(fields.get("links", ""))
    if links is None:
        return FieldViolation("links", codes.FILE_HEAD_MALFORMED, {"line": f"links: {fields['links']}"[:60]})
    return _entry(fields, kind, dates, links, body)


def _entry(fields: Mapping[str, str], kind: EntryKind, dates: Mapping[str, date | None], links: tuple[Link, ...], body: str) -> Entry:
    region = fields.get("region") or NATIONAL
    return Entry(
        id=fields.get("id", ""),
        kind=kind,
        title=fields.get("title", ""),
        body=body.strip(),
        topics=tuple(re.findall(r"[^\s,，]+", fields.get("topics", ""))),
        region=region,
        issuing_body=fields.get("issuing_body", ""),
        document_number=fields.get("document_number", ""),
        document=fields.get("document", ""),
        owner_unit=fields.get("owner_unit") or (region if is_region(region) else NATIONAL),
        sources=listed(fields.get("sources", "")),
        links=links,
        valid_from=dates.get("valid_from"),
        valid_to=dates.get("valid_to"),
        review_due=dates.get("review_due"),
        applies_from=dates.get("applies_from"),
        applies_to=dates.get("applies_to"),
    )


def fields_of(entry: Entry) -> dict[str, str]:
    """An entry as `entry_of` reads it again, without its text; what is empty is left out."""
    links = (f"{link.kind.value} {link.target} {link.since or ''}".strip() for link in entry.links)
    values: dict[str, object] = {
        "id": entry.id,
        "kind": entry.kind.value,
        "title": entry.title,
        "topics": ",".join(entry.topics),
        "region": entry.region,
        "issuing_body": entry.issuing_body,
        "document_number": entry.document_number,
        "document": entry.document,
        "owner_unit": entry.owner_unit,
        "sources": "；".join(entry.sources),
        "links": "; ".join(links),
        **{name: getattr(entry, name) for name in DATE_FIELDS},
        ATTACHMENTS: "; ".join(file.name for file in entry.attachments),
    }
    return {name: str(value) for name, value in values.items() if value}


def listed(text: str) -> tuple[str, ...]:
    """The parts of a list, parted by semicolons."""
    return tuple(part.strip() for part in re.split("[;；]", text) if part.strip())


def links_of(text: str) -> tuple[Link, ...] | None:
    """Links as people write them, `amends ID`, `repeals ID 2020-01-01`, parted by semicolons; None if one is not in order."""
    links: list[Link] = []
    for words in (part.split() for part in listed(text)):
        since = day_of(words[2]) if len(words) == 3 else None
        if len(words) not in (2, 3) or words[0] not in _LINKS or (len(words) == 3 and since is None):
            return None
        links.append(Link(_LINKS[words[0]], words[1], since))
    return tuple(links)


def day_of(text: str) -> date | None:
    """A day in ISO 8601, or with the year first as spreadsheets and people write it (2016/3/30, 2016年3月30日); else None."""
    written = _DAY.fullmatch(text)
    year, month, day = (written[1], written[3] or written[5], written[4] or written[6]) if written else ("", "", "")
    try:
        return date(int(year), int(month), int(day)) if written else date.fromisoformat(text)
    except ValueError:
        return None
