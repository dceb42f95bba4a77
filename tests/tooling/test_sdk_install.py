"""`pip install .` gives SDK and command with few dependencies: what only the services need is never loaded."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
SERVICES_ONLY = """nats sqlalchemy alembic asyncpg structlog pydantic pydantic_settings rjieba chinese_calendar
opentelemetry.sdk grpc_health national_hub province_node"""
SCRIPT = f"""
import sys
class Away:
    def find_spec(self, name, path=None, target=None):
        if any(name == each or name.startswith(each + ".") for each in {SERVICES_ONLY.split()!r}):
            raise ModuleNotFoundError(f"not installed with the SDK alone: {{name}}", name=name)
sys.meta_path.insert(0, Away())
import twelve333.client, twelve333.client.cases, twelve333.client.coverage, twelve333.client.delivery, twelve333.client.handoffs
import twelve333.client.library, twelve333.client.registration, twelve333.client.routing
from twelve333.cli.main import main
assert main(["--version"]) == 0
assert main(["unit", "list"]) == 2
assert main(["hub", "run"]) == 1
assert main(["demo"]) == 1
"""


def test_the_sdk_and_the_command_load_without_the_services_dependencies() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "CLI_PROFILE_MISSING" in done.stderr and done.stderr.count("CLI_EXTRA_MISSING") == 2


FEW = {
    "cryptography",
    "cyclopts",
    "googleapis-common-protos",
    "grpcio",
    "jsonschema",
    "opentelemetry-api",
    "protobuf",
    "pyyaml",
    "rich",
}


def test_the_sdk_asks_for_few_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {Requirement(each).name for each in project["dependencies"]}
    assert names <= {"cryptography", "cyclopts", "googleapis-common-protos", "grpcio", "jsonschema", "opentelemetry-api"} | {
        "protobuf",
        "pyyaml",
        "rich",
    }
    assert metadata.version("twelve333") == project["version"]
