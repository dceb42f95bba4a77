"""The charts lint, render to what Kubernetes accepts, refuse wrong values, and give the services settings that they load."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest
import yaml

from national_hub import commands as hub_commands
from national_hub.settings import HubSettings
from province_node import commands as node_commands
from province_node.settings import NodeSettings
from twelve333.adapters.context_needs import needs_with
from twelve333.adapters.settings import ServiceSettings, load
from twelve333.adapters.synonyms import extended_lexicon

HELM = Path(__file__).resolve().parents[2] / "helm"
EXAMPLES = {path.stem: path for path in sorted((HELM / "examples").glob("*.yaml"))}
KUBERNETES = ("1.27.0", "1.37.0")
DATABASE_URL = "postgresql+asyncpg://t333:secret@db/t333"

pytestmark = pytest.mark.parametrize("example", EXAMPLES)


def chart_of(example: str) -> Path:
    return HELM / ("national-hub" if example.startswith("hub") else "province-node")


def values_of(example: str) -> dict[str, Any]:
    loaded = yaml.safe_load(EXAMPLES[example].read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def render(example: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    with helm.Chart.load(str(chart_of(example))) as chart:
        texts = chart.render(values or values_of(example), name="t333", namespace="hotline")
    return [each for path, text in texts.items() if path.endswith(".yaml") for each in yaml.safe_load_all(text) if each]


def find(rendered: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in rendered if each["kind"] == kind]


def pods(rendered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["spec"]["template"]["spec"] for each in rendered if each["kind"] in ("StatefulSet", "Job")]


def containers(rendered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for pod in pods(rendered) for each in [*pod["containers"], *pod.get("initContainers", [])]]


def on_postgresql(example: str) -> bool:
    return values_of(example).get("database", {}).get("kind") == "postgresql"


def test_the_chart_lints(example: str) -> None:
    report = helm.lint(str(chart_of(example)), values_of(example), strict=True)
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] >= 2] == []


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_accepts_what_it_renders(example: str, version: str) -> None:
    rendered = render(example)
    assert len(find(rendered, "StatefulSet")) == 1
    for manifest in rendered:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_settings_load(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind: type[ServiceSettings] = HubSettings if example.startswith("hub") else NodeSettings
    if on_postgresql(example):
        monkeypatch.setenv("TWELVE333_DATABASE__URL", DATABASE_URL)
    for number, settings in enumerate(find(render(example), "ConfigMap")):
        (tmp_path / str(number)).mkdir()
        for name, text in settings["data"].items():
            (tmp_path / str(number) / name).write_text(text, encoding="utf-8")
        path = tmp_path / str(number) / next(name for name in settings["data"] if name in ("hub.toml", "node.toml"))
        loaded = load(kind, path)
        assert loaded.pki_directory == Path("/etc/twelve333-pki")
        expected = DATABASE_URL if on_postgresql(example) else f"sqlite:////var/lib/twelve333/{path.stem}.db"
        assert loaded.database_url == expected


def test_a_provinces_own_files_lie_where_its_settings_look_for_them(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if example.startswith("hub"):
        pytest.skip("a hub has no such files")
    monkeypatch.setenv("TWELVE333_DATABASE__URL", DATABASE_URL)
    needs = {"contextNeeds": 'version = 1\n[needs]\n"06" = ["wage"]\n'}
    values = values_of(example) | {"library": {"synonyms": "工分 工资\n"}, "handoff": needs}
    rendered, other = render(example, values), render(example, values | {"library": {"synonyms": "工钱 工资\n"}})
    (settings,) = [each for each in find(rendered, "ConfigMap") if "synonyms.txt" in each["data"]]
    for name, text in settings["data"].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    loaded = load(NodeSettings, tmp_path / "node.toml")
    assert loaded.library.synonyms and extended_lexicon(loaded.base / loaded.library.synonyms).synonyms["工分"] == ("工资",)
    assert loaded.handoff.context_needs and needs_with(loaded.base / loaded.handoff.context_needs).by_topic["06"] == {"wage"}
    marks = [find(each, "StatefulSet")[0]["spec"]["template"]["metadata"]["annotations"] for each in (rendered, other)]
    assert marks[0]["twelve333/settings"] != marks[1]["twelve333/settings"]  # a change of a file alone brings new pods


def test_suite_and_retention_are_values(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWELVE333_DATABASE__URL", DATABASE_URL)
    values = values_of(example) | {"suite": "sm", "retention": {"closedCaseDays": 365, "everyHours": 6}}
    (settings,) = find(render(example, values), "ConfigMap")[:1]
    name, text = next(iter(settings["data"].items()))
    (tmp_path / name).write_text(text, encoding="utf-8")
    loaded = load(HubSettings if example.startswith("hub") else NodeSettings, tmp_path / name)
    kept = loaded.retention
    assert (loaded.suite, kept.closed_case_days, kept.context_days, kept.every_hours) == ("sm", 365, 7, 6)


def test_the_settings_name_the_ports_that_the_services_offer(example: str) -> None:
    rendered = render(example)
    (workload,) = find(rendered, "StatefulSet")
    offered = {port["name"]: port["containerPort"] for port in workload["spec"]["template"]["spec"]["containers"][0]["ports"]}
    served = {port["name"]: port["port"] for service in find(rendered, "Service") for port in service["spec"]["ports"]}
    assert served == offered
    for service in find(rendered, "Service"):
        reaches = {port["name"] for port in service["spec"]["ports"]}
        assert service["spec"]["type"] == "ClusterIP" or not reaches & {"health", "metrics"}


def test_every_command_is_one_of_the_command_line(example: str) -> None:
    apps = {"hub": hub_commands.app, "node": node_commands.app}
    for container in containers(render(example)):
        program, service, *tokens = container["command"]
        assert program == "twelve333"
        command, bound, _ = apps[service].parse_args(tokens, exit_on_error=False, print_error=False)
        assert command.__name__ in ("run", "migrate")
        assert bound.arguments["config"] == Path(f"/etc/twelve333/{service}.toml")


def test_nothing_runs_as_root_or_writes_outside_its_volumes(example: str) -> None:
    rendered = render(example)
    for pod in pods(rendered):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
    for container in containers(rendered):
        context = container["securityContext"]
        assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False)
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_probes_ask_the_health_service(example: str) -> None:
    (workload,) = find(render(example), "StatefulSet")
    container = workload["spec"]["template"]["spec"]["containers"][0]
    health = next(port["containerPort"] for port in container["ports"] if port["name"] == "health")
    assert container["livenessProbe"]["grpc"] == {"port": health}
    assert container["readinessProbe"]["grpc"] == {"port": health, "service": "ready"}


def test_the_database_is_migrated_before_the_service_starts(example: str) -> None:
    rendered = render(example)
    (workload,) = find(rendered, "StatefulSet")
    first_steps = workload["spec"]["template"]["spec"].get("initContainers", [])
    if not on_postgresql(example):
        assert [step["command"][2] for step in first_steps] == ["migrate"]
        assert find(rendered, "Job") == []
        return
    (job,) = find(rendered, "Job")
    hooks = [each for each in rendered if "helm.sh/hook" in each["metadata"].get("annotations", {})]
    assert job in hooks
    assert {each["metadata"]["annotations"]["helm.sh/hook"] for each in hooks} == {"pre-install,pre-upgrade"}
    mounted = [volume["configMap"]["name"] for volume in job["spec"]["template"]["spec"]["volumes"] if "configMap" in volume]
    assert mounted == [each["metadata"]["name"] for each in hooks if each["kind"] == "ConfigMap"]
    assert first_steps == []


def test_the_password_of_the_database_is_in_no_manifest_but_its_secret(example: str) -> None:
    for manifest in find(render(example), "ConfigMap"):
        assert "postgresql" not in yaml.safe_dump(manifest)
    references = [env["valueFrom"]["secretKeyRef"] for container in containers(render(example)) for env in container.get("env", [])]
    assert len(references) == (2 if on_postgresql(example) else 0)


WRONG: dict[str, Any] = {
    "advertise.federation": "no-port",
    "broker.urls": ["http://broker"],
    "database.kind": "mysql",
    "database.postgresql": {"urlSecret": {"name": "", "key": "url"}},
    "drainSeconds": -1,
    "listen.health": 80,
    "locale": "fr",
    "misspelt": True,
    "pki.federation": "",
    "telemetry.exporter": "jaeger",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_by_name(example: str, name: str) -> None:
    values = copy.deepcopy(values_of(example))
    *tables, last = name.split(".")
    table = values
    for each in tables:
        table = table.setdefault(each, {})
    table[last] = WRONG[name]
    if last == "postgresql":
        table["kind"] = "postgresql"
    with helm.Chart.load(str(chart_of(example))) as chart, pytest.raises(helm.HelmValuesError) as caught:
        chart.validate_schema(chart.merge_values(values))
    assert last in str(caught.value)


def test_what_has_no_default_must_be_given(example: str) -> None:
    with helm.Chart.load(str(chart_of(example))) as chart, pytest.raises(helm.HelmValuesError) as caught:
        chart.validate_schema(chart.merge_values({}))
    assert {"advertise", "broker", "pki"} <= {word for word in ("advertise", "broker", "pki", "province") if word in str(caught.value)}
