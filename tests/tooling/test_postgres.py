"""The PostgreSQL of the tests is real, private to a test, and gone afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

ROOT = Path(__file__).resolve().parents[2]


async def version(url: str) -> int:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute("create table mark (id int)")
        return int(await connection.fetchval("show server_version_num"))
    finally:
        await connection.close()


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_gets_an_empty_database(postgres_url: str, turn: int) -> None:
    # The second turn would fail to make its table, were the database that of the first.
    assert 150000 <= await version(postgres_url) < 160000


def test_the_server_ends_with_the_session(tmp_path: Path) -> None:
    probe = tmp_path / "test_probe.py"
    probe.write_text("def test_port(postgres_cluster):\n    print(f'port={postgres_cluster.port}.')\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-p", "tests.support.postgres", "-c", "pyproject.toml"]
    done = subprocess.run([*command, "--rootdir=.", str(probe)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    port = done.stdout.partition("port=")[2].partition(".")[0]
    probed = subprocess.run(["/usr/lib/postgresql/15/bin/pg_isready", "-h", "127.0.0.1", "-p", port], check=False, timeout=30)
    assert probed.returncode == 2
