"""Free loopback ports."""

from __future__ import annotations

import pytest

from twelve333.adapters.processes import free_ports


@pytest.fixture
def free_port() -> int:
    """A TCP port that nobody uses on loopback now."""
    return free_ports(1)[0]
