"""What goes with one request: its identifier, headers of its answer, its line in the log, its figures."""

import re
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import metrics
from app.core.security_headers import SecurityHeaders
from app.core.tenancy import NOBODY, acting_for

HEADER = b"x-request-id"
ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,64}")

log = structlog.get_logger("access")

OnFailure = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(slots=True)
class Notes:
    """What is noted on the way through the service, for the answer and the log.

    Attributes
    ----------
    headers
        Headers of the answer, whatever it will be, a refusal too.
    facts
        Members of the request's line in the log: never a secret, nor the name of a product.
    """

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def answer_with(self, name: str, value: str) -> None:
        """Add a header to the answer, beside others of its name."""
        self.headers.append((name.lower().encode(), value.encode("latin-1")))


_notes: ContextVar[Notes | None] = ContextVar("notes", default=None)


def notes() -> Notes:
    """Return the notes of the request under way; outside of one, notes that nobody reads."""
    return _notes.get() or Notes()


class RequestContext:
    """ASGI middleware: one identifier and one access line a request; streams pass through unbuffered.

    Parameters
    ----------
    on_failure
        Logs what nothing else has handled and shapes its answer, which so carries the identifier too.
    security
        What goes with every answer, a refusal or a failure too.
    """

    def __init__(self, app: ASGIApp, on_failure: OnFailure, security: SecurityHeaders) -> None:
        self.app = app
        self.on_failure = on_failure
        self.security = security

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request under its identifier."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _identifier(scope)
        scope["request_id"] = request_id
        noted = Notes()
        token = _notes.set(noted)
        status: int | None = None
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [*message.get("headers", []), *noted.headers]
                added = self.security.beside(own, scope["headers"])
                message["headers"] = [*own, *added, (HEADER, request_id.encode())]
            await send(message)

        metrics.IN_PROGRESS.inc()
        with structlog.contextvars.bound_contextvars(request_id=request_id), acting_for(NOBODY):
            try:
                await self.app(scope, receive, send_with_headers)
            except Exception as error:
                response = await self.on_failure(Request(scope), error)
                if status is not None:
                    raise  # half an answer is out already: the server cuts the connection
                await response(scope, receive, send_with_headers)
            finally:
                metrics.IN_PROGRESS.dec()
                _account_for(scope, noted, status or 500, time.perf_counter() - started)
                _notes.reset(token)


def _account_for(scope: Scope, noted: Notes, status: int, seconds: float) -> None:
    """Write the request's line in the log, and count it; neither names the path, which may hold a secret."""
    route, method = route_template(scope), metrics.known_method(scope["method"])
    metrics.observe(metrics.Served(method, route, status, seconds, noted.facts.get("problem"), *_operation(scope)))
    log.info(
        "request",
        method=method,
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 1),
        **noted.facts,
    )


def route_template(scope: Scope) -> str | None:
    """Return the template of the route that a request took, `/v1/slots/{slot_id}`, or None where there is none."""
    template: str | None = getattr(scope.get("route"), "path_format", None)
    return template


def _operation(scope: Scope) -> tuple[str | None, tuple[str, ...]]:
    """Return the name of the operation that a request took, and its tags."""
    route = scope.get("route")
    return getattr(route, "name", None), tuple(getattr(route, "tags", ()))


def _identifier(scope: Scope) -> str:
    """Return the caller's identifier if it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == HEADER and ACCEPTED.fullmatch(value):
            return str(value.decode())
    return uuid4().hex
