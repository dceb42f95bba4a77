"""A PostgreSQL 15 cluster of the tests' own: on a free loopback port, as an ordinary account, stopped by its process id.

Each pytest worker starts at most one, when the first test asks; each test gets a database of its own.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from twelve333.adapters.processes import free_ports

BIN = Path("/usr/lib/postgresql/15/bin")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
OWNER = "tests"
CONNECTIONS = {"max_connections": "60"}
# Nothing here must survive a power cut, so nothing waits for the disk.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", **CONNECTIONS}


@dataclass(frozen=True)
class Cluster:
    """Where the cluster answers, the password of its owner, and its files."""

    port: int
    password: str
    data: Path

    def create_database(self) -> str:
        """Make an empty database; its URL in SQLAlchemy's form (asyncpg)."""
        name = f"t_{secrets.token_hex(6)}"
        self._run("createdb", "--template=template0", name)
        return f"postgresql+asyncpg://{OWNER}:{self.password}@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove a database, also if a test left connections open."""
        self._run("dropdb", "--force", url.rpartition("/")[2])

    def _run(self, tool: str, *arguments: str) -> None:
        where = ["--host=127.0.0.1", f"--port={self.port}", f"--username={OWNER}"]
        subprocess.run([str(BIN / tool), *where, *arguments], env={"PGPASSWORD": self.password}, check=True, timeout=60)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """The worker's cluster."""
    if not is_installed():
        pytest.fail("PostgreSQL 15 is not installed: run `make setup`")
    with running_cluster(FAST) as cluster:
        yield cluster


def is_installed() -> bool:
    """Whether this machine has PostgreSQL 15."""
    return (BIN / "initdb").exists()


@contextmanager
def running_cluster(settings: Mapping[str, str]) -> Iterator[Cluster]:
    """A cluster with these settings beyond PostgreSQL's own, gone with all its data at the end; benchmarks use it with a real disk."""
    # Not pytest's own folder: its parents are closed to other accounts.
    home = Path(tempfile.mkdtemp(prefix="twelve333-postgres-"))
    try:
        yield from _serve(home, settings)
    finally:
        shutil.rmtree(home)


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of an empty database that only this test uses."""
    url = postgres_cluster.create_database()
    yield url
    postgres_cluster.drop_database(url)


def _serve(home: Path, extra: Mapping[str, str]) -> Iterator[Cluster]:
    account = _ordinary_account()
    password, data = home / "password", home / "data"
    cluster = Cluster(free_ports(1)[0], secrets.token_urlsafe(12), data)
    password.write_text(cluster.password, encoding="utf-8")
    if account:
        for path in (home, password):
            os.chown(path, account.pw_uid, account.pw_gid)
    initdb = [str(BIN / "initdb"), "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--username={OWNER}"]
    subprocess.run(
        [*_as(account), *initdb, f"--pwfile={password}", "-D", str(data)], check=True, capture_output=True, cwd=home, timeout=120
    )
    settings = {"listen_addresses": "127.0.0.1", "port": str(cluster.port), "unix_socket_directories": str(home), **extra}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen([*_as(account), BIN / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd=home)
    try:
        _wait_until_ready(server, cluster, home / "log")
        yield cluster
    finally:
        _stop(server)


def _ordinary_account() -> pwd.struct_passwd | None:
    """The account to run as: PostgreSQL refuses root. None if we are ordinary ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _as(account: pwd.struct_passwd | None) -> list[str]:
    # setpriv becomes the program, so the process id is the server's; it also ends the server should this worker be killed.
    drop = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"] if account else []
    return ["setpriv", *drop, "--pdeathsig", "INT", "--"]


def _wait_until_ready(server: subprocess.Popen[bytes], cluster: Cluster, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    probe = [str(BIN / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={cluster.port}"]
    while subprocess.run(probe, check=False, timeout=START_SECONDS).returncode != 0:
        try:
            server.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
        pytest.fail(f"PostgreSQL did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    # Fast shutdown: ends the connections that tests left open.
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
