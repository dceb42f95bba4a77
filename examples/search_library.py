"""What does the library say? Two characters or a spoken question, answered by a replica: the hub's or a node's own.

    python examples/search_library.py DIR/350000/profiles/desk-1 工伤 在外地打工，老板不发工资怎么办

DIR is a federation kept by `twelve333 demo --keep DIR` and started again as examples/README.md says.
"""

from __future__ import annotations

import asyncio
import sys

from twelve333.client import Connection, ServiceError


async def main(profile: str, *questions: str) -> None:
    """Print the three best entries for each question, all questions asked at once."""
    async with Connection.open_profile(profile, locale="zh", timeout=2.0) as node:
        try:
            answers = await asyncio.gather(*(node.library.search(question, limit=3) for question in questions))
        except ServiceError as error:
            sys.exit(f"{error.code}: {error.sentence}")
    for question, found in zip(questions, answers, strict=True):
        print(f"{question}: {found.total} entries of release {found.release}")
        for hit in found.hits:
            print(f"  {hit.title} {hit.article}: {hit.snippet}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
