"""One tree of domain errors: each is a bare fact that knows its problem type; `core.http` shapes the answer.

A capability declares its own errors in its `errors.py` as subclasses of the classes here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple


class FieldFault(NamedTuple):
    """One field of the input and the rule that it breaks; `pointer` is a JSON Pointer (RFC 6901) into the body."""

    pointer: str
    detail: str


class DomainError(Exception):
    """A refusal.

    Attributes
    ----------
    type
        Stable slug of the problem type (RFC 9457); part of the public interface.
    title
        What this type of problem is, the same at every occurrence.
    status
        HTTP status code.
    detail
        What went wrong this time, and what to do next.
    facts
        Extension members of the problem: figures and identifiers that a program can act on.
    faults
        The fields at fault, if any.
    """

    type: ClassVar[str] = "internal"
    title: ClassVar[str] = "The request could not be carried out"
    status: int = 500
    headers: Mapping[str, str] = {}

    def __init__(
        self, detail: str, *, faults: Sequence[FieldFault] = (), facts: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        self.facts = dict(facts or {})


class NotAuthenticated(DomainError):
    """No key, or one that is unknown, expired or revoked."""

    type, title, status = "not-authenticated", "A valid key is required", 401
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class NotAllowed(DomainError):
    """The caller's role does not carry this operation."""

    type, title, status = "not-allowed", "This role may not do that", 403


class NotFound(DomainError):
    """No such object, or one that is not the caller's: the two cannot be told apart."""

    type, title, status = "not-found", "There is no such object", 404

    @classmethod
    def of(cls, kind: str, identifier: object) -> "NotFound":
        """Return the error for an object of `kind` that the caller cannot see."""
        return cls(f"There is no {kind} {identifier} among those you can see.")


class Invalid(DomainError):
    """The input breaks a rule that its field names."""

    type, title, status = "invalid-input", "The input breaks a rule", 422

    @classmethod
    def field(cls, name: str, detail: str, **facts: object) -> "Invalid":
        """Return the error for one body field, given by name or by JSON Pointer, or for `query/name`."""
        pointer = name if name.startswith(("/", "query/")) else f"/{name}"
        return cls(detail, faults=[FieldFault(pointer, detail)], facts=facts)


class Conflict(DomainError):
    """The state of things forbids it now."""

    type, title, status = "conflict", "The present state forbids it", 409


class StateConflict(Conflict):
    """A transition that the object's status does not allow."""

    type, title = "wrong-status", "The status does not allow this transition"


class Busy(DomainError):
    """A lock or a resource was not free in time; the same request may go through at once."""

    type, title, status = "busy", "The service is busy with the same capacity", 503
    headers: Mapping[str, str] = {"Retry-After": "1"}


class Unavailable(DomainError):
    """The database cannot be reached; nothing is known to have been written."""

    type, title, status = "unavailable", "The database cannot be reached", 503
    headers: Mapping[str, str] = {"Retry-After": "2"}


class NotReady(DomainError):
    """The service runs, but lacks something: the schema that it was written for, or a worker."""

    type, title, status = "not-ready", "The service is not ready", 503
    headers: Mapping[str, str] = {"Retry-After": "2"}
