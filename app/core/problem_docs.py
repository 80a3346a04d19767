"""Refusals in the interface's description: every operation says which it may answer, all of one shape."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from app.core.http import PROBLEM_JSON
from app.core.rate_limit import EXEMPT
from app.core.routing import REQUIRED

REFUSALS: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "The body is neither JSON nor the form that is wanted, or a header is missing or malformed",
    HTTPStatus.UNAUTHORIZED: "No key, or one that is unknown, expired or revoked",
    HTTPStatus.FORBIDDEN: "The caller's role, or the scope of its key, does not carry this operation",
    HTTPStatus.NOT_FOUND: "There is no such object, or it belongs to someone else",
    HTTPStatus.REQUEST_TIMEOUT: "The body took too long to come",
    HTTPStatus.CONFLICT: "The present state forbids it; the facts in the way are members of the problem",
    HTTPStatus.PRECONDITION_FAILED: "The object has changed since the version that `If-Match` names",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not of a kind that is taken; `accepted` names those that are",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The input breaks a rule; `errors` names each field",
    HTTPStatus.PRECONDITION_REQUIRED: "`If-Match` is missing",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests in the last minute: send it again after `Retry-After` seconds",
    HTTPStatus.SERVICE_UNAVAILABLE: "Busy or unreachable: send the same request again after `Retry-After` seconds",
}
"""What each status means, the same at every operation."""

_MEMBERS = {"$ref": "#/components/schemas/Problem"}


class Fault(BaseModel):
    """A field of the input and the rule that it breaks."""

    pointer: str = Field(
        description="JSON Pointer (RFC 6901) into the body; `query/name`, `path/name` or `header/name` elsewhere",
        examples=["/end"],
    )
    detail: str


class Problem(BaseModel):
    """A refusal (RFC 9457); by its type it may carry further members with the facts in the way."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Stable name of the kind of problem", examples=["urn:creneau:problem:invalid-input"])
    title: str = Field(description="What this kind of problem is, the same at every occurrence")
    status: int = Field(description="The HTTP status code", examples=[422])
    detail: str = Field(description="What went wrong this time, and what to do next")
    instance: str = Field(description="Path of the request that was refused")
    errors: list[Fault] | None = Field(default=None, description="The fields at fault, if any")


def refused(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the description of refusals, for an operation that answers others than its method and path tell."""
    return {
        status.value: {"description": REFUSALS[status], "content": {PROBLEM_JSON: {"schema": _MEMBERS}}}
        for status in statuses
    }


def _statuses(path: str, method: str, operation: Mapping[str, Any]) -> list[HTTPStatus]:
    """Return which refusals an operation may answer, from what it takes and who may call it."""
    writes, guarded = method != "get", "security" in operation
    has_body, parameters = "requestBody" in operation, operation.get("parameters", [])
    headers = {one["name"] for one in parameters if one["in"] == "header"}
    takes_input = bool(parameters) or has_body
    return [
        *([HTTPStatus.BAD_REQUEST] if has_body or headers else []),
        *([HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE] if has_body else []),
        *([HTTPStatus.UNSUPPORTED_MEDIA_TYPE] if writes else []),
        *([HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN] if guarded else []),
        *([HTTPStatus.NOT_FOUND] if "{" in path or has_body else []),
        *([HTTPStatus.CONFLICT] if writes else []),
        *([HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED] if "If-Match" in headers else []),
        *([HTTPStatus.UNPROCESSABLE_ENTITY] if takes_input else []),
        *([HTTPStatus.TOO_MANY_REQUESTS] if path not in EXEMPT else []),
        HTTPStatus.SERVICE_UNAVAILABLE,
    ]


def _require_headers(operation: Mapping[str, Any]) -> None:
    """Say that a header is required whose absence has a refusal of its own."""
    for parameter in operation.get("parameters", []):
        if parameter["schema"].pop(REQUIRED, False):
            parameter["required"] = True


def _describe(schema: dict[str, Any]) -> None:
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components.update(problem.pop("$defs"))
    components["Problem"] = problem
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            _require_headers(operation)
            described = refused(*_statuses(path, method, operation))
            operation["responses"].update({str(status): refusal for status, refusal in described.items()})


def install(app: FastAPI) -> None:
    """Have the description of `app` name the refusals of every operation."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        before = app.openapi_schema
        schema = plain()
        if schema is not before:
            _describe(schema)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
