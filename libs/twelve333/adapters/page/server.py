"""Serves the page over TLS to desks and operators of the province, and to nobody else, by the rules of the desk listener.

Nothing of a question is logged or kept; browsers are told to keep nothing either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from ...api.library.v1 import service_pb2 as pb
from ...catalogue.catalogue import sentence
from ...core.decision import Kind, Refusal, Refused, refuse
from ...core.library.codes import DATE_MALFORMED
from ...core.library.fields import day_of
from ...core.library.model import EntryKind
from ...core.library.search import QUERY_CHARS_MAX
from ...core.worktime.model import CHINA
from ...wire import codes
from ...wire.library import KIND_OUT
from ...wire.times import from_timestamp
from ..clock import Clock
from ..library_reading import LibraryReading
from ..rpc.access import Access
from .shown import KINDS, Asked, Places, marks, shown_day, shown_entry, shown_hit
from .tls import FollowedContext, caller_of

_log = logging.getLogger("twelve333.page")

_RPC: Final = "/twelve333.api.library.v1.LibraryService/"
_HITS: Final = 12
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Server": "twelve333",
}
_STATUS: Final = {Kind.UNAUTHENTICATED: 401, Kind.DENIED: 403, Kind.NOT_FOUND: 404, Kind.INVALID: 400}
_STATIC: Final = {"page.css": "text/css", "page.js": "application/javascript"}
_ACCESS: Final = web.AppKey("access", Access)


@dataclass(frozen=True, slots=True)
class Page:
    """What the page is made of.

    Args:
        reading: the library of this node.
        access: who may ask, the rules of the desk listener.
        clock: the present moment.
        home: code of the province or city whose node this is.
        regions: where callers come from, in groups, as pairs of code and name; `home` is among them.
    """

    reading: LibraryReading
    access: Access
    clock: Clock
    home: str
    regions: Callable[[], Sequence[tuple[str, Sequence[tuple[str, str]]]]]

    @property
    def today(self) -> date:
        """The day in Beijing."""
        return self.clock().astimezone(CHINA).date()


async def start_page(stack: AsyncExitStack, page: Page, address: str, folder: Path) -> str:
    """Bind and serve; returns the address as bound.

    Args:
        stack: knows how to stop it.
        page: what it is made of.
        address: `host:port`; port 0 takes a free one.
        folder: the desk listener's `tls.key`, `tls.crt`, `ca.crt`.

    Raises:
        Refused: RPC_ADDRESS_IN_USE; SECURITY_* as `FollowedContext`.
    """
    host, _, port = address.rpartition(":")
    runner = web.AppRunner(application(page), access_log=None, keepalive_timeout=30, shutdown_timeout=2)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, host, int(port), ssl_context=FollowedContext(folder).context)
    try:
        await site.start()
    except OSError as error:
        raise Refused(refuse(codes.ADDRESS_IN_USE, address=address)) from error
    return f"{host}:{runner.addresses[0][1]}"


def application(page: Page) -> web.Application:
    """The routes, all behind the check of who asks."""
    views = _Views(page)
    app = web.Application(middlewares=[views.guard], client_max_size=16 << 10)
    app.add_routes(
        [
            web.get("/", views.search),
            web.get("/entry/{id}", views.entry),
            *(web.get(f"/static/{name}", _static(name, kind)) for name, kind in _STATIC.items()),
        ]
    )
    return app


class _Views:
    """One view for each address."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @web.middleware
    async def guard(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Let in whom the desk listener would let in, and turn refusals into sentences."""
        try:
            tls = request.get_extra_info("ssl_object")
            caller = caller_of(tls.getpeercert(binary_form=True) if tls else None, self._page.access)
            self._page.access.allow(f"{_RPC}{'GetEntry' if request.path.startswith('/entry/') else 'Search'}", caller)
            answer = await handler(request)
        except Refused as refused:
            answer = await self._refused(refused.refusal)
        except web.HTTPException as error:  # an address that there is not
            answer = _html(_template("plain.html").render(status=error.status), error.status)
        except Exception as error:  # noqa: BLE001 - the page says that it failed; what was asked must not get into a log
            _log.error("page failed kind=%s", type(error).__name__)
            answer = _html(_template("plain.html").render(status=500), 500)
        answer.headers.update(_HEADERS)
        return cast("web.StreamResponse", answer)

    async def search(self, request: web.Request) -> web.Response:
        """The question, and what was found."""
        asked, found, wrong = self._asked(request), None, self._wrong_day(request)
        if asked.query and not wrong:
            wanted = pb.SearchRequest(
                query=asked.query,
                region=asked.region,
                as_at=asked.day.isoformat(),
                include_not_in_force=asked.any_time,
                kind=KIND_OUT[EntryKind(asked.kind)] if asked.kind else cast("Any", 0),
                limit=_HITS,
            )
            try:
                answer = await self._page.reading.Search(wanted, cast("Any", None))
                hits = [shown_hit(hit, asked, self._places) for hit in answer.hits]
                literal = sum(hit.lane == pb.SEARCH_LANE_LITERAL for hit in answer.hits)
                found = {"hits": hits, "total": answer.total, "literal": literal}
            except Refused as refused:
                wrong = _sentence(refused.refusal)
        kinds = [(kind.value, name) for kind, name in KINDS.items()]
        return await self._render(
            "search.html", asked, found=found, words=self._words(asked), wrong=wrong, kinds=kinds, regions=self._page.regions()
        )

    async def entry(self, request: web.Request) -> web.Response:
        """One entry."""
        asked, wanted = self._asked(request), pb.GetEntryRequest(id=request.match_info["id"])
        answer = await self._page.reading.GetEntry(wanted, cast("Any", None))
        shown = shown_entry(answer, asked, self._places, request.query.get("at", "")[:40])
        return await self._render("entry.html", asked, entry=shown, words=self._words(asked))

    def _words(self, asked: Asked) -> tuple[str, ...]:
        """What is marked in titles and texts."""
        return self._page.reading.words_of(asked.query) if asked.query else ()

    def _asked(self, request: web.Request) -> Asked:
        """The question in the address; what is no question is left out."""
        given = request.query
        stated = day_of(given.get("as_at", "").strip())
        as_at, day = (stated.isoformat(), stated) if stated else ("", self._page.today)
        kind = given.get("kind", "")
        kind = kind if kind in {known.value for known in KINDS} else ""
        region = given.get("region", "")
        region = region if region in self._places else self._page.home
        return Asked(given.get("q", "").strip()[: QUERY_CHARS_MAX + 1], region, kind, as_at, given.get("any") == "1", day)

    def _wrong_day(self, request: web.Request) -> str:
        """What to say of a day that is none: whoever asks about another day must not be told today's rules. Old browsers take any text."""
        as_at = request.query.get("as_at", "").strip()
        return _sentence(refuse(DATE_MALFORMED, date=as_at[:20])) if as_at and day_of(as_at) is None else ""

    @property
    def _places(self) -> Places:
        return {code: name for _, group in self._page.regions() for code, name in group}

    async def _release(self) -> dict[str, Any] | None:
        """The release in use, None if there is none."""
        try:
            held = await self._page.reading.GetRelease(pb.GetReleaseRequest(), cast("Any", None))
        except Refused:
            return None
        applied = from_timestamp(held.applied_at).astimezone(CHINA)
        at = f"{shown_day(applied.date())} {applied:%H:%M}"
        return {"number": held.release.number, "count": held.release.entry_count, "applied": at, "refused": bool(held.last_refusal)}

    async def _refused(self, refusal: Refusal) -> web.Response:
        status = _STATUS.get(refusal.code.kind, 503)
        if status in (401, 403):  # a stranger learns nothing of the library
            return _html(_template("plain.html").render(status=status, wrong=_sentence(refusal)), status)
        asked = Asked("", self._page.home, "", "", any_time=False, day=self._page.today)
        return await self._render("refused.html", asked, status=status, wrong=_sentence(refusal))

    async def _render(self, name: str, asked: Asked, *, status: int = 200, **values: Any) -> web.Response:
        shown = {"asked": asked, "today": self._page.today, "place": self._places[self._page.home], "release": await self._release()}
        return _html(_template(name).render(**shown, **values), status)


def _html(text: str, status: int) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def _sentence(refusal: Refusal) -> str:
    return sentence(refusal.code, refusal.params, "zh")


def _static(name: str, kind: str) -> Callable[[web.Request], Any]:
    content = (files("twelve333.data") / "page" / name).read_bytes()

    async def give(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind, charset="utf-8")

    return give


@cache
def _templates() -> Environment:
    found = Environment(loader=PackageLoader("twelve333.data", "page"), autoescape=True, undefined=StrictUndefined)
    found.filters |= {"day": shown_day, "marks": marks}
    return found


def _template(name: str) -> Any:
    return _templates().get_template(name)
