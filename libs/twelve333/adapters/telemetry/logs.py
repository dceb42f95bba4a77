"""Structured logs: one JSON object a line with the trace id, or coloured lines for people.

Whatever a call passes is filtered through a list of allowed names, so that a caller's name or number cannot slip into a log by
mistake: a name that is not on the list is dropped and the drop is shown.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from ..settings import Logging

# Technical facts only. Anything about a caller (name, telephone, text of a question) has no place here.
ALLOWED: Final = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "source",
        "trace_id",
        "span_id",
        "service",
        "member",
        "peer",
        "province",
        "unit",
        "units",
        "code",
        "kind",
        "method",
        "path",
        "endpoint",
        "address",
        "port",
        "version",
        "release",
        "entries",
        "count",
        "seconds",
        "milliseconds",
        "attempt",
        "origin",
        "destination",
        "sequence",
        "epoch",
        "watermark",
        "backlog",
        "state",
        "reason",
        "role",
        "exc_info",
        "exception",
        "stack",
        "capability",
        "type",
        "revision",
        "signal",
        "handoff_id",
        "event_id",
        "case_id",
        "dropped_fields",
    }
)


def configure(settings: Logging, service: str, member: str) -> None:
    """Set up logging for one process.

    Args:
        settings: level and format.
        service, member: written on every line.
    """
    level = logging.getLevelNamesMapping()[settings.level.upper()]

    def add_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"service": service, "member": member, **event}

    render: Processor = (
        structlog.dev.ConsoleRenderer() if settings.format == "console" else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            add_process,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_trace,
            keep_allowed,
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def logger(name: str) -> FilteringBoundLogger:
    """The logger of a capability or adapter."""
    bound: FilteringBoundLogger = structlog.get_logger(source=name)
    return bound


def add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the ids of the current trace, if there is one."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
        event["span_id"] = format(context.span_id, "016x")
    return event


def keep_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop every field whose name is not allowed, and say how many."""
    kept: dict[str, Any] = {name: value for name, value in event.items() if name in ALLOWED}
    if dropped := len(event) - len(kept):
        kept["dropped_fields"] = dropped
    return kept
