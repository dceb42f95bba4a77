"""Connects OpenTelemetry to the exporters that the settings name, and disconnects it again.

Code elsewhere uses only the OpenTelemetry API: without an exporter its calls do nothing and cost next to nothing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TextIO

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from prometheus_client import start_http_server

from ..settings import Telemetry

EXPORT_TIMEOUT_MS = 2_000


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What was connected; `shutdown` sends what is left, within two seconds."""

    traces: TracerProvider | None = None
    meters: MeterProvider | None = None

    def shutdown(self) -> None:
        """Send what is left and disconnect."""
        if self.traces:
            self.traces.shutdown()
        if self.meters:
            self.meters.shutdown(timeout_millis=EXPORT_TIMEOUT_MS)


def connect(service: str, member: str, settings: Telemetry, console: TextIO = sys.stdout) -> Pipeline:
    """Connect the exporters of `settings` for one process.

    Args:
        service: `national_hub` or `province_node`.
        member: `hub` or the province code.
        settings: which exporters, and the share of traces that are kept (0 to 1).
        console: where the console exporter writes, one JSON object a line.
    """
    resource = Resource.create({"service.name": service, "service.instance.id": member})
    exporter = _span_exporter(settings, console)
    traces = None
    if exporter:
        traces = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(settings.sample_share)))
        traces.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
        trace.set_tracer_provider(traces)
    readers = _metric_readers(settings)
    meters = None
    if readers:
        meters = MeterProvider(resource=resource, metric_readers=readers)
        metrics.set_meter_provider(meters)
    return Pipeline(traces, meters)


def _span_exporter(settings: Telemetry, console: TextIO) -> SpanExporter | None:
    if settings.exporter == "console":
        return ConsoleSpanExporter(out=console, formatter=_one_line)
    if settings.exporter == "otlp":
        return OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=settings.otlp_endpoint.startswith("http://"))
    return None


def _metric_readers(settings: Telemetry) -> list[MetricReader]:
    readers: list[MetricReader] = []
    if settings.exporter == "otlp":
        exporter = OTLPMetricExporter(endpoint=settings.otlp_endpoint, insecure=settings.otlp_endpoint.startswith("http://"))
        readers.append(PeriodicExportingMetricReader(exporter))
    if settings.prometheus:
        host, _, port = settings.prometheus.rpartition(":")
        start_http_server(int(port), host)
        readers.append(PrometheusMetricReader())
    return readers


def _one_line(span: ReadableSpan) -> str:
    text: str = span.to_json(indent=None)
    return text + "\n"
