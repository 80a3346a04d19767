"""The routes of the interface: answers carry the version of what they show, and are given once for one key."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeGuard, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response, params
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile

from app.core import idempotency, preconditions
from app.core.body_limit import read_early
from app.core.http import DbSession
from app.core.media_types import FORM, JSON, refuse_other_bodies
from app.core.schemas import SHOWN_ONCE

REPEATED_HEADER = "Idempotent-Replayed"
MATCH_HEADER = "If-Match"

REQUIRED = "x-required"
"""Marks a header that FastAPI describes as optional, since its absence has a refusal of its own."""

_MATCH_TOLD = 'The ETag of the object as you saw it, such as `"7"`; `*` takes any version'
_IF_MATCH = Header(alias=MATCH_HEADER, description=_MATCH_TOLD, json_schema_extra={REQUIRED: True})
_MAY_MATCH = Header(alias=MATCH_HEADER, description=_MATCH_TOLD)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


AtOnce = Callable[[Request], Coroutine[Any, Any, Response | None]]
_AT_ONCE = "at_once"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def tried_at_once(function: AtOnce) -> Callable[[Endpoint], Endpoint]:
    """Let an operation be tried another way first, which is short because it only does what goes well.

    It returns None wherever it does not: nothing has happened then, and the operation itself does it, or tells what
    stands against it. Whether a body is said to be JSON, it looks itself. To resolve its dependencies takes FastAPI
    longer than what is asked most takes to do.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _AT_ONCE, function)
        return endpoint

    return mark


class _Repeated(Exception):
    """The request was carried out before: this is what was answered."""

    def __init__(self, answer: idempotency.KeptAnswer) -> None:
        super().__init__()
        self.answer = answer


class _Route(APIRoute):
    """A route whose answer carries the entity tag of its `version`, and is kept where the request claimed a key."""

    def get_route_handler(self) -> Handler:
        """Return what serves one request of this route."""
        handle, tells_version, shown_once = self._handler(), self._tells_version(), self._shown_once()

        accepted = FORM if isinstance(getattr(self.body_field, "field_info", None), params.Form) else JSON
        at_once: AtOnce | None = getattr(self.endpoint, _AT_ONCE, None)
        takes_none = self.body_field is None

        async def serve(request: Request) -> Response:
            if at_once is not None and (done := await at_once(request)) is not None:
                return done
            refuse_other_bodies(request, accepted)
            if takes_none:
                await read_early(request)
            try:
                response = await handle(request)
            except _Repeated as repeated:
                return _repeat(repeated.answer)
            if tells_version and response.media_type == "application/json" and response.status_code < 300:
                _tag(response)
            await _keep(request, response, shown_once)
            return response

        return serve

    def _handler(self) -> Handler:
        """Return what FastAPI makes of the route, but for a query model: that is read as a whole."""
        told = self.dependant
        self.dependant = _reading_queries_at_once(told)
        try:
            return super().get_route_handler()
        finally:
            self.dependant = told  # what the document is made from

    def _tells_version(self) -> bool:
        return "version" in self._answered()

    def _shown_once(self) -> list[str]:
        """Return the members of the answer that are not kept with it."""
        extras = {name: one.json_schema_extra for name, one in self._answered().items()}
        return [name for name, extra in extras.items() if isinstance(extra, dict) and SHOWN_ONCE in extra]

    def _answered(self) -> Mapping[str, FieldInfo]:
        """Return the fields of the answer, where it is of one model."""
        model = self.response_model
        return {} if isinstance(model, DefaultPlaceholder) else getattr(model, "model_fields", {})


class ApiRouter(APIRouter):
    """A router of this interface."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=_Route, **options)


def _reading_queries_at_once(dependant: Dependant) -> Dependant:
    """Return a route's dependant that has Pydantic read its query model from the query.

    FastAPI takes it apart field by field, at each request, for what only a field of several values needs.
    """
    if len(dependant.query_params) != 1:
        return dependant
    [field] = dependant.query_params
    kind: object = field.field_info.annotation
    if not _is_flat(kind):
        return dependant
    model = kind

    async def read(request: Request) -> BaseModel:
        try:
            return model.model_validate(dict(request.query_params))
        except ValidationError as error:
            faults = [fault | {"loc": ("query", *fault["loc"])} for fault in error.errors(include_url=False)]
            raise RequestValidationError(faults) from None

    reading = Dependant(call=read, name=field.name, request_param_name="request", path=dependant.path)
    return replace(dependant, query_params=[], dependencies=[*dependant.dependencies, reading])


def _is_flat(kind: Any) -> TypeGuard[type[BaseModel]]:
    """Tell whether a type is a model none of whose fields takes several values."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return False
    return not any("array" in str(field) for field in kind.model_json_schema()["properties"].values())


def _tag(response: Response) -> None:
    version = json.loads(bytes(response.body)).get("version")
    if version is not None:
        response.headers["ETag"] = preconditions.tag_of(version)


def _repeat(kept: idempotency.KeptAnswer) -> Response:
    return Response(kept.body, status_code=kept.status, headers={**kept.headers, REPEATED_HEADER: "true"})


async def _keep(request: Request, response: Response, shown_once: Sequence[str]) -> None:
    """Keep the answer in the transaction of its effect; a refusal had none, and may be asked for again."""
    claimed: tuple[AsyncSession, idempotency.Claim] | None = getattr(request.state, "claimed", None)
    if claimed is None or response.status_code >= 400:
        return
    session, claim = claimed
    headers = {name: value for name in idempotency.KEPT_HEADERS if (value := response.headers.get(name))}
    body = bytes(response.body)
    if shown_once:
        body = json.dumps(json.loads(body) | dict.fromkeys(shown_once)).encode()
    await idempotency.keep(session, claim, idempotency.KeptAnswer(response.status_code, headers, body))


def is_json(request: Request) -> bool:
    """Tell whether a request says that its body is plain JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


async def claim_of(request: Request, holder_id: UUID, key: str) -> idempotency.Claim:
    """Return the claim that a request has on a key: its own, by all that was sent."""
    parts = [request.scope["query_string"], *await _body_parts(request)]
    return idempotency.Claim(holder_id, key, idempotency.fingerprint(request.method, request.scope["path"], parts))


async def claim_key(request: Request, session: AsyncSession, holder_id: UUID, key: str) -> None:
    """Take a key for the request: if it was carried out before, its answer is given again and nothing else is done.

    Raises
    ------
    KeyInFlight, KeyReused
        If the key is busy, or has served for another request.
    """
    claim = await claim_of(request, holder_id, key)
    kept = await idempotency.claim(session, claim)
    if kept is not None:
        raise _Repeated(kept)
    request.state.claimed = (session, claim)


async def _body_parts(request: Request) -> list[bytes]:
    """Return what the caller sent, field by field where it is a form."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return [await request.body()]
    parts: list[bytes] = []
    for name, value in (await request.form()).multi_items():
        parts.append(name.encode())
        if isinstance(value, UploadFile):
            await value.seek(0)  # where the operation has read it before it claims its key
            parts.append(await value.read())
            await value.seek(0)
        else:
            parts.append(value.encode())
    return parts


def if_match(parameter: str) -> params.Depends:
    """Return the dependency that makes an operation conditional on the version of what a path parameter names.

    The operation must lock that object with `preconditions.require_seen`: if it does not, the request fails.
    """

    async def note(request: Request, session: DbSession, sent: Annotated[str | None, _IF_MATCH] = None) -> None:
        versions = preconditions.parse_if_match(sent)
        preconditions.note(session, _identifier(request, parameter), versions)

    return _dependency(note)


def if_match_given(parameter: str) -> params.Depends:
    """Return the dependency of an operation that may be made conditional, and need not be."""

    async def note(request: Request, session: DbSession, sent: Annotated[str | None, _MAY_MATCH] = None) -> None:
        if sent is not None:
            preconditions.note(session, _identifier(request, parameter), preconditions.parse_if_match(sent))

    return _dependency(note)


def _dependency(function: Callable[..., Any]) -> params.Depends:
    dependency = Depends(function, scope="function")
    assert isinstance(dependency, params.Depends)  # noqa: S101
    return dependency


def _identifier(request: Request, parameter: str) -> UUID:
    value = request.path_params[parameter]
    try:
        return UUID(value)
    except ValueError:
        fault = {"loc": ("path", parameter), "msg": "Input should be a valid UUID", "type": "uuid_parsing"}
        raise RequestValidationError([fault]) from None
