"""HTTP conventions in one place: problem+json (RFC 9457), the session of a request, links between pages."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any, cast

import structlog
from asyncpg import InterfaceError, InternalClientError, PostgresError
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.exceptions import HTTPException

from app.core import preconditions
from app.core.constraints import RETRYABLE, cause_of, is_connection_refused, sqlstate_of
from app.core.database import SessionFactory, transaction
from app.core.driver import Driver
from app.core.errors import Busy, DomainError, FieldFault, Invalid, NotFound, Unavailable
from app.core.paging import PageQuery
from app.core.request_context import notes, route_template
from app.core.schemas import CODE_PATTERN, CODE_RULE

PROBLEM_JSON = "application/problem+json"
TYPE_PREFIX = "urn:creneau:problem:"
NOT_JSON = "The body is not JSON that can be read: send one JSON object, encoded in UTF-8."

log = structlog.get_logger(__name__)


def sessions_of(request: Request) -> SessionFactory:
    """Return the session factory that the application was made with."""
    factory: SessionFactory = request.app.state.sessions
    return factory


Sessions = Annotated[SessionFactory, Depends(sessions_of)]
"""Sessions to be opened one after the other: for what goes on for long, and must hold no transaction meanwhile."""


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    """Give the session of this request; it commits before the response leaves, so that a 2xx is a fact."""
    async with transaction(sessions_of(request)) as session:
        yield session
        preconditions.forget(session)


DbSession = Annotated[AsyncSession, Depends(_session, scope="function")]
"""The session of one request, in one transaction."""


@asynccontextmanager
async def driver_at_once(request: Request) -> AsyncIterator[Driver]:
    """Give the driver of a connection on which each statement is a transaction of its own.

    Taken from the pool without SQLAlchemy's connection around it, which takes twice as long to make as to ask for.
    """
    engine: AsyncEngine = request.app.state.engine
    try:
        pooled = await engine.raw_connection()
    except engine.dialect.loaded_dbapi.Error as error:
        raise (error.__cause__ or error) from None  # as the driver raised it, and as its statements raise it
    try:
        yield cast("Driver", pooled.driver_connection)
    finally:
        # Waits for nothing: SQLAlchemy has begun no transaction to end, and the pool keeps every connection it made.
        pooled.close()


Paging = Annotated[PageQuery, Query()]
"""The paging of a list without filters; a list with filters takes its own subclass of `PageQuery`."""


def address_of(request: Request, path: str) -> str:
    """Return where callers find what this service has at a path: as the settings say that they reach it, if they do."""
    public_url: str | None = request.app.state.settings.public_url
    return f"{public_url}{path}" if public_url else path


def next_url(request: Request, cursor: str | None) -> str | None:
    """Return the address of the next page of this very request, or None at the end; the answer links to it too.

    It begins as the settings say that callers reach this service; without that, as the request says it was sent.

    Source: RFC 8288, web linking; `next` is a registered relation.
    """
    if cursor is None:
        return None
    asked = request.url.include_query_params(cursor=cursor)
    public_url: str | None = request.app.state.settings.public_url
    following = f"{public_url}{asked.path}?{asked.query}" if public_url else str(asked)
    notes().answer_with("Link", f'<{following}>; rel="next"')
    return following


def problem(error: DomainError, *, instance: str) -> JSONResponse:
    """Shape an error as problem+json; its facts become extension members."""
    notes().facts["problem"] = error.type
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + error.type,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
    }
    if error.faults:
        body["errors"] = [fault._asdict() for fault in error.faults]
    body.update({key: value for key, value in error.facts.items() if key not in body})
    return JSONResponse(body, status_code=error.status, headers=dict(error.headers), media_type=PROBLEM_JSON)


def _pointer(location: tuple[int | str, ...]) -> str:
    """Return a JSON Pointer for a body field, and `query/name`, `header/name` or `path/name` for the others."""
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in location]
    if parts and parts[0] == "body":
        return "/" + "/".join(parts[1:]) if len(parts) > 1 else ""
    return "/".join(parts)


_IN_JSON = {
    "model_attributes_type": "Input should be a JSON object",
    "model_type": "Input should be a JSON object",
    "dict_type": "Input should be a JSON object",
    "list_type": "Input should be a JSON array",
}
"""What Pydantic calls by Python's names, by the type of its error."""


def _rule(fault: Mapping[str, Any]) -> str:
    """Return the rule alone: without what Pydantic puts before the words of a validator of ours, nor Python's terms."""
    if fault["type"] == "string_pattern_mismatch" and fault["ctx"]["pattern"] == CODE_PATTERN:
        return CODE_RULE
    if fault["type"] == "literal_error" and fault["ctx"]["expected"] == "True":
        return "Input should be true"
    if fault["type"] in _IN_JSON:
        return _IN_JSON[fault["type"]]
    return str(fault["msg"]).removeprefix("Value error, ")


def _from_validation(error: RequestValidationError) -> DomainError:
    """Return the refusal of a body, query or path that does not fit its schema, naming each field and rule."""
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return MalformedJson(NOT_JSON)
    faults = [FieldFault(_pointer(tuple(fault["loc"])), _rule(fault)) for fault in error.errors()]
    named = ", ".join(fault.pointer or "body" for fault in faults[:5])
    return Invalid(f"The input does not fit: see {named}.", faults=faults)


class MalformedJson(DomainError):
    """The body is not JSON at all."""

    type, title, status = "malformed-json", "The body is not JSON", 400


class MalformedForm(DomainError):
    """The body is not a form at all, or one with more than it may have."""

    type, title, status = "malformed-form", "The body is not a form", 400


class HttpRefusal(DomainError):
    """A refusal of the HTTP layer itself: unknown path, wrong method, body too large."""

    type, title = "http", "The HTTP request was refused"

    def __init__(self, detail: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


def _from_http(error: HTTPException, content_type: str) -> DomainError:
    """Return the refusal of the framework as one of ours, status and headers kept."""
    if error.status_code == NotFound.status:
        return NotFound("There is nothing at this path: see /docs for those that exist.")
    if error.status_code == MalformedForm.status and content_type.startswith("multipart/"):
        return MalformedForm(f"The body is not a form that can be read: {error.detail}")
    if error.status_code == MalformedJson.status:
        # FastAPI's word on what no parser takes: another encoding, nesting or numbers beyond all measure.
        return MalformedJson(NOT_JSON)
    return HttpRefusal(str(error.detail), error.status_code, error.headers or {})


def _from_database(error: DBAPIError) -> DomainError | None:
    """Return what a caller can do about a database error, or None if it is our own fault."""
    state = sqlstate_of(error)
    if state in RETRYABLE:
        return _busy()
    if error.connection_invalidated or (is_connection_refused(state) if state else not _is_misuse(cause_of(error))):
        return Unavailable("The database did not answer. Send the same request again.")
    return None


def _busy() -> Busy:
    return Busy("Someone else is changing the same capacity. Send the same request again.")


def _is_misuse(error: BaseException | None) -> bool:
    """Tell whether the driver refused by itself what it was given, which no repetition will change."""
    return isinstance(error, InterfaceError) and isinstance(error, TypeError | ValueError)


async def _on_domain_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DomainError)  # noqa: S101 - the registration below guarantees it
    return problem(error, instance=request.url.path)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return problem(_from_validation(error), instance=request.url.path)


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (methods := _methods_of(request)):
        error.headers = {"Allow": ", ".join(methods)}
    return problem(_from_http(error, request.headers.get("content-type", "")), instance=request.url.path)


def _methods_of(request: Request) -> list[str]:
    """Return every method of the operations on a path, HEAD beside GET: the framework names those of its first route.

    Source: RFC 9110, sections 9.1 and 15.5.6.
    """
    template = route_template(request.scope)
    routes = (one for one in request.app.routes if isinstance(one, APIRoute) and one.path_format == template)
    methods = {method for one in routes for method in one.methods or ()}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


async def _on_unreachable(request: Request, error: Exception) -> JSONResponse:
    log.warning("database_unreachable", error=error)
    refusal = Unavailable("The database cannot be reached. Send the same request again.")
    return problem(refusal, instance=request.url.path)


async def _on_no_free_connection(request: Request, _error: Exception) -> JSONResponse:
    log.warning("no_free_connection")
    refusal = Busy("All connections to the database are in use. Send the same request again.")
    return problem(refusal, instance=request.url.path)


async def _on_driver_error(request: Request, error: Exception) -> JSONResponse:
    """Answer what the driver raises: a connection refused or lost, or a statement that others stand in the way of."""
    if isinstance(error, PostgresError) and error.sqlstate in RETRYABLE:
        log.warning("database_refused", error=error, route=route_template(request.scope))
        return problem(_busy(), instance=request.url.path)
    refused = is_connection_refused(error.sqlstate or "") if isinstance(error, PostgresError) else not _is_misuse(error)
    return await (_on_unreachable if refused else on_failure)(request, error)


async def _on_database_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DBAPIError)  # noqa: S101
    refusal = _from_database(error)
    if refusal is None:
        return await on_failure(request, error)
    log.warning("database_refused", error=error, route=route_template(request.scope))
    return problem(refusal, instance=request.url.path)


async def on_failure(request: Request, error: Exception) -> JSONResponse:
    """Log what nobody has foreseen, and say that it failed, but not how."""
    log.error("unhandled_error", route=route_template(request.scope), exc_info=error)
    refusal = DomainError("The service failed. Nothing was changed; the failure has been logged.")
    return problem(refusal, instance=request.url.path)


def install(app: FastAPI) -> None:
    """Make every refusal of `app` problem+json."""
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(DBAPIError, _on_database_error)
    app.add_exception_handler(NoFreeConnection, _on_no_free_connection)
    for raw in (PostgresError, InterfaceError, InternalClientError):
        app.add_exception_handler(raw, _on_driver_error)
    app.add_exception_handler(OSError, _on_unreachable)
    app.add_exception_handler(TimeoutError, _on_unreachable)
    app.add_exception_handler(Exception, on_failure)
