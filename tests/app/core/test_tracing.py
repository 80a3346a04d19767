"""Spans of requests, statements and jobs, with nothing confidential in them; and nothing at all without an endpoint."""

import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.core import tracing
from app.core.settings import Settings
from app.main import create_app
from tests.support.world import World

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
NOBODY = "00000000-0000-7000-8000-000000000000"


class Traced:
    """An application whose spans are kept in memory."""

    def __init__(self, client: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
        self.client = client
        self._exporter = exporter

    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def request_span(self) -> ReadableSpan:
        *_, span = [one for one in self.spans() if one.kind is SpanKind.SERVER]
        return span


@pytest.fixture
async def traced(settings: Settings, world: World) -> AsyncIterator[Traced]:
    exporter = InMemorySpanExporter()
    app = create_app(settings, tracer=tracing.provider_of(exporter, "creneau-api", SimpleSpanProcessor))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield Traced(made, exporter)


async def test_a_request_is_one_span_with_its_statements_below(traced: Traced, world: World) -> None:
    key = await world.coordinator()
    await traced.client.get(f"/v1/bookings/{NOBODY}", headers=key)  # what a new connection asks is not of the request
    other = await world.coordinator()  # a key that has just been seen is not asked for
    headers = {**other, "traceparent": f"00-{TRACE}-{PARENT}-01"}
    answer = await traced.client.get(f"/v1/bookings/{NOBODY}?secret=code-name", headers=headers)
    assert answer.status_code == 404
    span = traced.request_span()
    assert span.name == "GET /v1/bookings/{booking_id}"
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.attributes is not None
    assert span.attributes["http.route"] == "/v1/bookings/{booking_id}"
    assert span.attributes["http.response.status_code"] == 404
    statements = [
        one for one in traced.spans() if one.kind is SpanKind.CLIENT and f"{one.context.trace_id:032x}" == TRACE
    ]
    assert [one.name for one in statements] == ["SELECT", "SELECT"]  # of the key, by the driver, and of the booking
    assert {one.parent.span_id for one in statements if one.parent} == {span.context.span_id}


async def test_no_span_tells_a_path_a_query_a_key_or_a_statement(traced: Traced, world: World) -> None:
    key = await world.coordinator()
    await traced.client.get(f"/v1/bookings/{NOBODY}?secret=code-name", headers=key)
    await traced.client.post("/v1/organisations", json={"kind": "startup", "name": "code-name"}, headers=key)
    told = " ".join(one.to_json() for one in traced.spans())
    assert "withheld" in told
    for word in (NOBODY, "code-name", key["Authorization"].removeprefix("Bearer "), "INSERT INTO", "FROM"):
        assert word not in told


async def test_a_failed_statement_and_its_request_are_marked(traced: Traced, world: World, owner: object) -> None:
    broken = world.sessions.kw["bind"]
    async with broken.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE bookings RENAME TO elsewhere")
    try:
        answer = await traced.client.get("/v1/bookings", headers=await world.coordinator())
    finally:
        async with broken.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO bookings")
    assert answer.status_code == 500
    failed = [one for one in traced.spans() if one.status.status_code is StatusCode.ERROR]
    assert [one.name for one in failed] == ["SELECT", "GET /v1/bookings"]


def test_a_job_is_a_span_also_when_it_fails() -> None:
    exporter = InMemorySpanExporter()
    provider = tracing.provider_of(exporter, "creneau-worker", SimpleSpanProcessor)
    with tracing.job_span(provider, "solve"):
        pass
    with pytest.raises(RuntimeError), tracing.job_span(provider, "certify"):
        raise RuntimeError("code-name")
    good, bad = exporter.get_finished_spans()
    assert (good.name, good.status.status_code) == ("job solve", StatusCode.UNSET)
    assert (bad.name, bad.status.status_code) == ("job certify", StatusCode.ERROR)
    assert "code-name" not in bad.to_json()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"otel_exporter_otlp_endpoint": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"otel_exporter_otlp_endpoint": "http://c", "otel_exporter_otlp_traces_endpoint": "http://t/x"}, "http://t/x"),
        ({"otel_exporter_otlp_endpoint": "http://c", "otel_sdk_disabled": True}, None),
    ],
)
def test_the_standard_variables_say_where_spans_go(variables: dict[str, str], expected: str | None) -> None:
    assert tracing.endpoint(Settings.model_validate(variables)) == expected


class Receiver(HTTPServer):
    """Takes what is exported over OTLP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[tuple[str, ExportTraceServiceRequest]] = []


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library names it
        """Keep silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_spans_arrive_where_the_endpoint_says(settings: Settings, world: World, receiver: Receiver) -> None:
    address = f"http://127.0.0.1:{receiver.server_port}"
    app: FastAPI = create_app(settings.model_copy(update={"otel_exporter_otlp_endpoint": address}))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        assert (await made.get("/v1/organisations")).is_success
    assert {path for path, _ in receiver.taken} == {"/v1/traces"}
    resources = [resource for _, request in receiver.taken for resource in request.resource_spans]
    attributes = [one for resource in resources for one in resource.resource.attributes]
    assert {one.value.string_value for one in attributes if one.key == "service.name"} == {"creneau-api"}
    names = [span.name for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert "GET /v1/organisations" in names
    assert "SELECT" in names
