"""What tests of one node's calls share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.one_node import Node, one_node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async for made in one_node(tmp_path):
        yield made
