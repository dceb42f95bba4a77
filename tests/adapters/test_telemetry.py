"""Exporters by setting, none by default; and nothing personal slips into a log line."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent import futures
from threading import Event
from typing import Any
from urllib.request import urlopen

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from twelve333.adapters.processes import free_ports
from twelve333.adapters.telemetry.logs import keep_allowed

PROGRAM = """
import sys
from opentelemetry import metrics, trace
from twelve333.adapters.settings import Telemetry
from twelve333.adapters.telemetry.setup import connect
pipeline = connect("province_node", "350000", Telemetry(**{settings!r}))
metrics.get_meter("twelve333.routing").create_counter("twelve333.routing.handoffs").add(3)
with trace.get_tracer("test").start_as_current_span("offer"):
    pass
print("told", flush=True)
sys.stdin.readline()
pipeline.shutdown()
"""


def started(**settings: Any) -> subprocess.Popen[str]:
    """A process with these telemetry settings that has recorded a span and a metric, and ends after a line on its input."""
    command = [sys.executable, "-c", PROGRAM.format(settings=settings)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(child: subprocess.Popen[str]) -> str:
    told, _ = child.communicate("\n", timeout=30)
    assert child.returncode == 0
    return told


def test_nothing_is_exported_by_default() -> None:
    assert ended(started()) == "told\n"


def test_the_console_gets_one_json_object_a_span() -> None:
    lines = ended(started(exporter="console")).splitlines()
    spans = [json.loads(line) for line in lines if line.startswith("{")]
    assert [span["name"] for span in spans] == ["offer"]
    assert spans[0]["resource"]["attributes"]["service.instance.id"] == "350000"


def test_prometheus_scrapes_metrics_named_by_capability() -> None:
    port = free_ports(1)[0]
    child = started(prometheus=f"127.0.0.1:{port}")
    assert child.stdout is not None and child.stdout.readline() == "told\n"
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    ended(child)
    assert "twelve333_routing_handoffs_total" in page and " 3.0" in page


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP collector that remembers the names of spans."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.got = Event()

    def Export(self, request: Any, context: Any) -> Any:
        for resource in request.resource_spans:
            self.names += [span.name for scope in resource.scope_spans for span in scope.spans]
        self.got.set()
        return trace_service_pb2.ExportTraceServiceResponse()


def test_otlp_reaches_a_collector() -> None:
    collector, server = Collector(), grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ended(started(exporter="otlp", otlp_endpoint=f"http://127.0.0.1:{port}"))
    assert collector.got.wait(10)
    server.stop(None)
    assert collector.names == ["offer"]


def test_a_log_line_drops_what_is_not_allowed_and_says_so() -> None:
    line = keep_allowed(None, "info", {"event": "handed over", "unit": "350100", "caller_name": "张三", "telephone": "13800000000"})
    assert line == {"event": "handed over", "unit": "350100", "dropped_fields": 2}
