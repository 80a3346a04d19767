"""What is sent and answered about keys: a secret in one answer alone, the one to the request that made it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from app.core.schemas import SHOWN_ONCE, Body, Instant
from app.identity.key_rules import LONGEST_OVERLAP_MINUTES, USUAL_OVERLAP_MINUTES, KeyStatus
from app.identity.models import KeyScope, Role

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


def each_once(scopes: list[KeyScope]) -> list[KeyScope]:
    """Return scopes in their order, of which none is named twice.

    Raises
    ------
    ValueError
        If one is.
    """
    if len(set(scopes)) < len(scopes):
        raise ValueError("must name each scope once")
    return sorted(scopes)


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number of minutes")  # noqa: TRY004 - what validators of a field raise
    return value


class KeyRead(BaseModel):
    """A key as its organisation sees it: everything but its secret."""

    id: UUID
    label: str
    prefix: str = Field(description="How its secret begins: what tells it from others in a configuration or a log")
    role: Role
    scopes: list[KeyScope]
    person_id: UUID | None = Field(description="The person in whose hands it is; null for a program's key")
    status: KeyStatus
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To two minutes; null if it was never used")
    previous_ends_at: datetime | None = Field(
        description="Until when the secret before the last rotation holds, or held, too"
    )
    version: int


class KeyMade(KeyRead):
    """A key with its new secret."""

    secret: str | None = Field(
        description="Shown this once: it is not stored, and null where this answer is repeated for its Idempotency-Key",
        json_schema_extra={SHOWN_ONCE: True},
    )


class KeyCreate(Body):
    """A new key of a program of one's own organisation."""

    label: Label = Field(description="What it is for, such as `ERP, production`")
    role: Role | None = Field(default=None, description="The caller's own if left out; another takes an administrator")
    scopes: Annotated[list[KeyScope], AfterValidator(each_once)] = Field(
        default=[KeyScope.READ],
        min_length=1,
        max_length=len(KeyScope),
        description="`read` for GET, HEAD and OPTIONS, `write` for all other methods; none that the caller's key lacks",
    )
    expires_at: Instant | None = Field(
        default=None,
        description="Left out: as late as the service allows, or never; or with the key of the program that asks",
    )


class KeyRotate(Body):
    """How a key goes over to a new secret."""

    overlap_minutes: Annotated[int, BeforeValidator(_number)] = Field(
        default=USUAL_OVERLAP_MINUTES,
        ge=0,
        le=LONGEST_OVERLAP_MINUTES,
        description="How long the present secret holds beside the new one, but not beyond its own expiry",
    )
    expires_at: Instant | None = Field(default=None, description="Left out: the key expires when it did before")
