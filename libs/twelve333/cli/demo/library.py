"""The library in the demo: the sample is published at the hub, every node copies and verifies it, questions are asked at the nodes."""

from __future__ import annotations

from time import perf_counter

from ..library_files import sample_entries
from .stage import Stage, until

SNIPPET_CHARS = 48
QUESTIONS = (("350000", "工伤"), ("360000", "我在外地打工老板不发工资怎么办"), ("230000", "断缴"), ("310000", "评职称去哪里申报"))


async def publish_library(stage: Stage) -> None:
    """Publish, wait for every node, and ask."""
    async with stage.federation.hub.connect() as hub:
        published = await hub.library.publish(sample_entries(), strict=True)
    release = published.release
    if release is None:  # strict, and there are entries: a release was made
        return
    await until("library in every node", lambda: _everywhere(stage, release.number))
    stage.figures.library.release, stage.figures.library.entries = release.number, release.entry_count
    words = {"release": release.number, "entries": release.entry_count}
    stage.tell.section("DEMO_LIBRARY", **words, nodes=len(stage.federation.nodes))
    for member, query in QUESTIONS:
        await _ask(stage, member, query)


async def _everywhere(stage: Stage, number: int) -> bool:
    return all([await _release(stage, name) >= number for name in stage.federation.nodes])


async def _release(stage: Stage, name: str) -> int:
    async with stage.federation.nodes[name].connect() as node:
        return (await node.registration.node_status()).library_release


async def _ask(stage: Stage, member: str, query: str) -> None:
    async with stage.federation.nodes[member].connect() as node:
        began = perf_counter()
        found = await node.library.search(query, region=member, limit=2)
        milliseconds = round((perf_counter() - began) * 1000)
    stage.figures.library.hits[query] = found.total
    stage.tell.say("DEMO_LIBRARY_ASKED", query=query, node=stage.name(member), total=found.total, milliseconds=milliseconds)
    for hit in found.hits:
        stage.tell.line(f"  · {hit.title} {hit.snippet[:SNIPPET_CHARS]}…")
