"""Traces by OpenTelemetry, where an endpoint is configured; otherwise nothing is loaded, and nothing costs.

FastAPI makes the span of a request itself, named `GET /v1/slots/{slot_id}` and continuing a `traceparent`;
here are the exporter, what spans may tell, and the spans of statements and of jobs. Export is OTLP over HTTP;
the standard variables hold: `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER` and so on.

Source: W3C Trace Context; OpenTelemetry, environment variables and semantic conventions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_TRACER = "creneau"
_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK")
_WITHHELD = ("url.path", "url.query")
"""What may hold a secret or say what somebody looks for; the template of the route stands for it."""


def endpoint(settings: Settings) -> str | None:
    """Return the address that spans are sent to, or None if there is none."""
    if settings.otel_sdk_disabled:
        return None
    if settings.otel_exporter_otlp_traces_endpoint:
        return settings.otel_exporter_otlp_traces_endpoint
    base = settings.otel_exporter_otlp_endpoint
    return f"{base.rstrip('/')}/v1/traces" if base else None


def make_provider(settings: Settings, service_name: str) -> TracerProvider | None:
    """Return what makes spans and exports them in the background, or None without an endpoint."""
    address = endpoint(settings)
    if address is None:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    return provider_of(OTLPSpanExporter(endpoint=address), service_name, BatchSpanProcessor)


def provider_of(exporter: SpanExporter, service_name: str, processor: Any) -> TracerProvider:
    """Return what makes spans for an exporter, and withholds from them what must not leave."""
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider  # noqa: PLC0415

    class Discretion(SpanProcessor):
        """Takes paths and queries out of spans before anything else sees them."""

        def on_start(self, span: Span, parent_context: Any = None) -> None:  # noqa: ARG002 - the SDK names it
            for name in _WITHHELD:
                if span.attributes and name in span.attributes:
                    span.set_attribute(name, "withheld")

    resource = Resource({SERVICE_NAME: service_name}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(Discretion())
    provider.add_span_processor(processor(exporter))
    return provider


async def shut_down(provider: TracerProvider | None) -> None:
    """Send what has not been sent yet, and stop."""
    if provider is not None:
        await asyncio.to_thread(provider.shutdown)


@contextmanager
def job_span(provider: TracerProvider | None, name: str) -> Iterator[None]:
    """Let a job be a span of its own; without a provider nothing happens."""
    if provider is None:
        yield
        return
    with provider.get_tracer(_TRACER).start_as_current_span(
        f"job {name}", kind=trace.SpanKind.CONSUMER, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(trace.StatusCode.ERROR)
            raise


def trace_statements(engine: AsyncEngine, provider: TracerProvider | None) -> None:
    """Let each statement of an engine be a span that tells its verb and no more; without a provider, do nothing."""
    if provider is None:
        return
    spans = _Spans(provider.get_tracer(_TRACER))
    event.listen(engine.sync_engine, "before_cursor_execute", spans.begin)
    event.listen(engine.sync_engine, "after_cursor_execute", spans.end)
    event.listen(engine.sync_engine, "handle_error", spans.fail)
    event.listen(engine.sync_engine, "connect", spans.listen)


class _Spans:
    """Spans of statements: of those that SQLAlchemy runs, and of those that go to the driver as they are."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self.tracer = tracer

    def start(self, statement: str, started_ns: int | None = None) -> trace.Span:
        verb = statement.lstrip(" (\n").split(maxsplit=1)[0].upper()[:20]
        attributes = {"db.system.name": "postgresql", "db.operation.name": verb}
        return self.tracer.start_span(verb, kind=trace.SpanKind.CLIENT, attributes=attributes, start_time=started_ns)

    def begin(self, _connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: Any) -> None:
        context.span = self.start(statement)

    def end(self, _connection: Any, _cursor: Any, _statement: Any, _values: Any, context: Any, _many: Any) -> None:
        context.span.end()

    def fail(self, failure: Any) -> None:
        span = getattr(failure.execution_context, "span", None)
        if span is not None:
            span.set_status(trace.StatusCode.ERROR)
            span.end()

    def listen(self, connection: Any, _record: Any) -> None:
        connection.driver_connection.add_query_logger(self.tell)

    def tell(self, sent: Any) -> None:
        """Make the span of what the driver has been given and has done."""
        if sent.query.startswith(_TRANSACTION):
            return
        span = self.start(sent.query, time.time_ns() - int(sent.elapsed * 1e9))
        if sent.exception is not None:
            span.set_status(trace.StatusCode.ERROR)
        span.end()
