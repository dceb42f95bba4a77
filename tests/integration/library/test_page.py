"""The consultant's page in a real browser, over mutual TLS: type, see, read, copy; with and without scripts; nobody else sees anything."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import BrowserContext, async_playwright
from sqlalchemy import Connection, MetaData
from tests.support.members import Federation as Authorities

from twelve333.adapters.library_reading import LibraryReading
from twelve333.adapters.page import Page, start_page
from twelve333.adapters.rpc.access import Access, Shown
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import open_database
from twelve333.adapters.sql.library import HeldRelease
from twelve333.adapters.sql.library_tables import LibraryTables, create_index, library_tables
from twelve333.api.common.v1 import common_pb2
from twelve333.cli.library_files import sample_entries
from twelve333.core.decision import Refusal, refuse
from twelve333.core.identity import Caller, Role, desk_identity, local_domain, local_node_identity, local_operator_identity
from twelve333.core.library.checkpoint import canonical_bytes
from twelve333.core.library.model import NO_ROOT, Change, Entry, EntryKind, Link, LinkKind, Release
from twelve333.wire import codes
from twelve333.wire.library import content_of

NOW = datetime(2026, 3, 30, 1, tzinfo=UTC)
SEARCH = "/twelve333.api.library.v1.LibraryService/Search"
GET = "/twelve333.api.library.v1.LibraryService/GetEntry"
RULES = {SEARCH: frozenset({Role.DESK, Role.LOCAL_OPERATOR}), GET: frozenset({Role.DESK})}
PLACES = (("本省", (("350000", "福建"), ("350100", "福州市"))), ("外省", (("360000", "江西"),)))
CHROMIUM = shutil.which("chromium")
# It runs as root here, and asks nobody but the node.
QUIETLY = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
STATUTE = """## 第三章　工伤认定

第十四条 职工有下列情形之一的，应当认定为工伤：
(一)在工作时间和工作场所内，因工作原因受到事故伤害的；

第十七条 职工发生事故伤害，所在单位应当自事故伤害发生之日起30日内，提出工伤认定申请。<script>document.title='坏'</script>
"""


LAW = Entry(
    "law", EntryKind.POLICY, "某工伤条例", STATUTE, ("04",), document_number="国务院令第586号", document="laws", valid_from=date(2011, 1, 1)
)
ENTRIES = (
    LAW,
    replace(LAW, id="law-old", body="第一条 旧的时限是十五日。", valid_from=date(2004, 1, 1), valid_to=date(2011, 1, 1)),
    Entry("change", EntryKind.POLICY, "修改决定", "第一条 改。", ("04",), links=(Link(LinkKind.AMENDS, "law", date(2027, 1, 1)),)),
)


@dataclass
class Served:
    """Where the page answers, the certificates, and who has been shut out."""

    address: str
    authorities: Authorities
    revoked: set[str]

    @property
    def url(self) -> str:
        return f"https://localhost:{self.address.rpartition(':')[2]}"

    def tls(self, folder: Path | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authorities.certify(desk_identity("350000", "any")) / "ca.crt"))
        if folder:
            context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        return context

    async def get(self, path: str, folder: Path | None) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers, as a plain client sees them."""
        async with aiohttp.ClientSession() as session, session.get(self.url + path, ssl=self.tls(folder)) as answer:
            return answer.status, await answer.text(), dict(answer.headers)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    tables, database = library_tables(MetaData()), open_database(f"sqlite:///{folder / 'library.db'}")
    entries = [*sample_entries(), *ENTRIES]
    await database.write(partial(filled, tables=tables, entries=entries))
    authorities, revoked = Authorities.create(folder / "pki"), set[str]()
    access = Access(RULES, local_domain("350000"), partial(_admit, revoked))
    page = Page(LibraryReading(database, tables, lambda: NOW, home="350000"), access, lambda: NOW, "350000", lambda: PLACES)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        address = await start_page(stack, page, "127.0.0.1:0", authorities.certify(local_node_identity("350000")))
        yield Served(address, authorities, revoked)


def _admit(revoked: set[str], caller: Caller, shown: Shown) -> Refusal | None:
    return refuse(codes.HOLDER_REVOKED, name=caller.name) if caller.name in revoked else None


def filled(tx: Connection, tables: LibraryTables, entries: list[Entry]) -> None:
    tables.library_entries.metadata.create_all(tx)
    create_index(tx)
    replica.apply(tx, tables, [Change(one.id, 1, 1, content=content_of(one)) for one in entries])
    payload = canonical_bytes(Release(1, 1, len(entries), bytes(32), NO_ROOT, NOW))
    replica.keep_release(tx, tables, 1, 1, HeldRelease(common_pb2.SignedDocument(payload=payload).SerializeToString(), NOW))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as one:
        yield one


@asynccontextmanager
async def browsing(served: Served, **options: Any) -> AsyncIterator[BrowserContext]:
    """A browser that shows a desk's certificate."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed and could not be: run `make setup`")
    desk = served.authorities.certify(desk_identity("350000", "desk-1"))
    shown = {"origin": served.url, "certPath": str(desk / "tls.crt"), "keyPath": str(desk / "tls.key")}
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        context = await browser.new_context(
            client_certificates=[shown], ignore_https_errors=True, viewport={"width": 1180, "height": 900}, **options
        )
        context.set_default_timeout(20_000)
        yield context
        await browser.close()


async def test_a_consultant_types_sees_reads_and_copies_the_citation(served: Served) -> None:
    async with browsing(served, permissions=["clipboard-read", "clipboard-write"]) as browser:
        tab = await browser.new_page()
        await tab.goto(served.url)
        assert await tab.evaluate("document.activeElement.id") == "q"  # typing can begin at once
        await tab.keyboard.type("事故伤害30日内申请")
        await tab.keyboard.press("Enter")
        first = tab.locator(".hit").first
        assert await first.locator("h2").inner_text() == "某工伤条例"
        assert "第十七条" in await first.locator(".snippet").inner_text()
        assert "30日" in "".join(await first.locator("mark").all_inner_texts())
        assert "2027年1月1日的修改尚未写入" in await first.locator(".note").inner_text()
        assert "第 1 号发布" in await tab.locator("#release").inner_text()
        await tab.locator("h2").first.click(trial=True)
        await tab.keyboard.press("Escape")
        await tab.evaluate("document.activeElement.blur()")
        await tab.keyboard.press("j")
        await tab.keyboard.press("c")
        await tab.locator(".copy.done").wait_for()
        copied = await tab.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("《某工伤条例》（国务院令第586号）第十七条，2011年1月1日起施行：“职工发生事故伤害，")
        await first.locator("h2 a").click()
        assert "第十七条" in await tab.locator("p.at").inner_text()
        assert await tab.locator(".text h2").inner_text() == "第三章 工伤认定"
        assert "<script>" in await tab.locator(".text").inner_text()  # shown, not run
        assert "坏" not in await tab.title()


async def test_the_page_works_without_scripts_and_says_which_day_it_is_about(served: Served) -> None:
    async with browsing(served, java_script_enabled=False) as browser:
        tab = await browser.new_page()
        await tab.goto(served.url)
        await tab.fill("#q", "旧的时限")
        await tab.fill("#as_at", "2010-06-30")
        await tab.click("button[type=submit]")
        assert "law-old" in (await tab.locator(".hit a").first.get_attribute("href") or "")
        assert "2010年6月30日" in await tab.locator(".banner.day").inner_text()
        assert (await tab.input_value("#cite-1")).endswith("“旧的时限是十五日。”")
        assert not await tab.locator(".copy").first.is_visible() or await tab.locator(".copy.hidden").count()
        await tab.click(".banner.day a")
        assert await tab.locator(".hit", has_text="旧的时限是").count() == 0
        await tab.check("input[name=any]")
        await tab.click("button[type=submit]")
        assert "2011年1月1日起不再适用" in await tab.locator(".hit.ended .note").first.inner_text()


async def test_every_part_can_be_reached_and_is_named_for_those_who_do_not_see_it(served: Served) -> None:
    async with browsing(served) as browser:
        tab = await browser.new_page()
        await tab.goto(served.url + "/?q=工伤")
        unnamed = """() => [...document.querySelectorAll('input, select, button, a')].filter(e =>
            !(e.labels && e.labels.length) && !e.textContent.trim() && !e.getAttribute('aria-label')).map(e => e.outerHTML)"""
        assert await tab.evaluate(unnamed) == []
        assert await tab.evaluate("document.documentElement.lang") == "zh-CN"
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await tab.set_viewport_size({"width": 360, "height": 640})
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_nobody_without_a_desks_certificate_sees_anything(served: Served) -> None:
    strangers = Authorities.create(served.authorities.folder / "strangers")
    for folder in (None, strangers.certify(desk_identity("350000", "desk-1"))):
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await served.get("/?q=工伤", folder)
    for identity in (desk_identity("360000", "desk-1"), local_node_identity("350000")):
        status, text, _ = await served.get("/?q=工伤", served.authorities.certify(identity))
        assert status in (401, 403)
        assert "工伤" not in text and "号发布" not in text
    desk = served.authorities.certify(desk_identity("350000", "desk-7"))
    assert (await served.get("/?q=工伤", desk))[0] == 200
    served.revoked.add("desk-7")
    assert (await served.get("/?q=工伤", desk))[0] in (401, 403)


async def test_the_rules_of_the_desk_listener_hold_for_the_page(served: Served) -> None:
    operator = served.authorities.certify(local_operator_identity("350000", "wang"))
    assert [(await served.get(path, operator))[0] for path in ("/?q=工伤", "/entry/law")] == [200, 403]


async def test_what_is_wrong_is_said_in_chinese_and_nothing_is_kept_by_the_browser(served: Served) -> None:
    desk = served.authorities.certify(desk_identity("350000", "desk-1"))
    for path, status, said in (
        ("/?q=？", 200, "请至少输入"),
        ("/entry/nowhere", 404, "nowhere"),
        ("/nowhere", 404, "没有这一页"),
        ("/?q=工伤&kind=x&region=999999", 200, "某工伤条例"),
        ("/?q=工伤&as_at=2010-13-01", 200, "“2010-13-01”不是日期"),
        ("/?q=工伤&as_at=2010年6月30日", 200, "您在查 <b>2010年6月30日</b>"),
        ("/?q=" + "长" * 300, 200, "200"),
        ("/?q=<script>alert(1)</script>", 200, "&lt;script&gt;"),
    ):
        found, text, headers = await served.get(path, desk)
        assert (found, said in text) == (status, True), (path, text[:2000])
        assert "<script>alert" not in text
        assert headers["Cache-Control"] == "no-store" and "default-src 'none'" in headers["Content-Security-Policy"]


async def test_what_was_asked_for_is_marked_in_titles(served: Served) -> None:
    desk = served.authorities.certify(desk_identity("350000", "desk-1"))
    assert "<mark>工伤认定</mark>多久出结果" in (await served.get("/?q=工伤认定", desk))[1]


async def test_what_is_counted_is_told_apart_from_what_fills_the_list_up(served: Served) -> None:
    desk = served.authorities.certify(desk_identity("350000", "desk-1"))
    for question, said in (
        ("自事故伤害发生之日起30日内", "原文含有所问词语的共 1 条，后列意思相近的 "),
        ("工伤", "原文含有所问词语的共 "),
        ("摔伤了多少天内能申请工伤", "没有一字不差的，按意思找到 "),
    ):
        _, text, _ = await served.get(f"/?q={question}", desk)
        assert said in text, (question, text)
        assert ("后列意思相近" in text) == ("后列" in said)


async def test_a_renewed_certificate_is_shown_without_a_restart(served: Served) -> None:
    desk = served.authorities.certify(desk_identity("350000", "desk-1"))
    before = await _serial(served, desk)
    served.authorities.certify(local_node_identity("350000"))
    assert await _serial(served, desk) != before


async def _serial(served: Served, desk: Path) -> str:
    host, _, port = served.address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=served.tls(desk), server_hostname="localhost")
    shown = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    await writer.wait_closed()
    return str(shown)
