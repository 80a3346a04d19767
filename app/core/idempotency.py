"""One effect however often a request is sent: its key, and the answer that was given, kept for a day.

The key is written in the transaction of its effect: where there is an effect there is an answer to repeat, and where
the effect was rolled back the key is free.

Source: draft-ietf-httpapi-idempotency-key-header, "The Idempotency-Key HTTP Header Field".
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, Uuid, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field

from app.core.errors import Conflict, DomainError
from app.core.model import Table, document, new_id
from app.core.plain import new_row

KEPT_HOURS = 24
LONGEST_KEY = 255
KEPT_HEADERS = ("content-type", "etag", "location", "retry-after")


class IdempotencyKey(Table, table=True):
    """A request that had its effect, and the answer to it; `holder_id` is the key or the person that sent it."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("holder_id", "key"),
        CheckConstraint("octet_length(request_sha256) = 32", name="request_sha256"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )

    holder_id: UUID = Field(sa_type=Uuid)
    key: str = Field(max_length=LONGEST_KEY)
    request_sha256: bytes = Field(sa_type=LargeBinary, nullable=False)
    status: int
    headers: dict[str, Any] = document()
    body: bytes = Field(sa_type=LargeBinary, nullable=False)


class KeyMissing(DomainError):
    """A request that creates or moves money or capacity has no key."""

    type, title, status = "idempotency-key-missing", "An Idempotency-Key is required", 400


class KeyMalformed(DomainError):
    """The key is too long, or not of printable ASCII."""

    type, title, status = "idempotency-key-malformed", "The Idempotency-Key cannot be used", 400


class KeyReused(DomainError):
    """The key has served for another request."""

    type, title, status = "idempotency-key-reused", "The Idempotency-Key belongs to another request", 422


class KeyInFlight(Conflict):
    """The first request with this key is not answered yet."""

    type, title = "idempotency-key-in-flight", "The first request with this key is under way"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class KeptAnswer(NamedTuple):
    """What was answered to the first request with a key."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Claim(NamedTuple):
    """A key that nobody else uses until this transaction ends."""

    holder_id: UUID
    key: str
    request_sha256: bytes

    def answered(self, answer: KeptAnswer) -> IdempotencyKey:
        """Return the plain row of the answer under this key, for whoever writes it with the effect."""
        return new_row(IdempotencyKey, **self._asdict(), **answer._asdict())


def checked_key(header: str | None) -> str | None:
    """Return the key in a header, or None without one.

    Raises
    ------
    KeyMalformed
        If it is empty, too long, or not of printable ASCII.
    """
    if header is None:
        return None
    if not (0 < len(header) <= LONGEST_KEY and header.isascii() and header.isprintable()):
        raise KeyMalformed(f"Send 1 to {LONGEST_KEY} printable ASCII characters, such as a random UUID.")
    return header


def required_key(header: str | None) -> str:
    """Return the key in a header.

    Raises
    ------
    KeyMissing
        Without one.
    KeyMalformed
        If it cannot be used.
    """
    key = checked_key(header)
    if key is None:
        raise KeyMissing(
            "Send an `Idempotency-Key` of your own, such as a random UUID, and the same one again if you must repeat "
            "the request: it then has one effect."
        )
    return key


def fingerprint(method: str, path: str, parts: list[bytes]) -> bytes:
    """Return the SHA-256 of a request: what tells it from another with the same key."""
    digest = hashlib.sha256(f"{method} {path}\n".encode())
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


# The lock is tried and the row read in one statement: whoever commits a row between the two is caught by the
# unique constraint when the answer is kept.
_CLAIM = text(
    """
    SELECT pg_try_advisory_xact_lock(hashtextextended(:holder || :key, 1)) AS is_free,
           kept.request_sha256, kept.status, kept.headers, kept.body
    FROM (VALUES (1)) AS one
    LEFT JOIN idempotency_keys AS kept
        ON kept.holder_id = CAST(:holder AS uuid) AND kept.key = :key
        AND kept.created_at > now() - make_interval(hours => :hours)
    """
)


async def claim(session: AsyncSession, wanted: Claim) -> KeptAnswer | None:
    """Take a key until the transaction ends, and return the answer kept under it, if there is one.

    Raises
    ------
    KeyInFlight
        If another request with this key is under way.
    KeyReused
        If the key has served for another request.
    """
    found = (
        await session.execute(_CLAIM, {"holder": str(wanted.holder_id), "key": wanted.key, "hours": KEPT_HOURS})
    ).one()
    if found.status is None:
        if not found.is_free:
            raise KeyInFlight("Wait for its answer, or send the same request again in a moment.")
        return None
    if found.request_sha256 != wanted.request_sha256:
        raise KeyReused("Send a new key with a new request; the same key repeats the same method, path and body.")
    return KeptAnswer(found.status, found.headers, found.body)


# A key past its day is taken over, whether or not a sweep has been there.
_KEEP = text(
    """
    INSERT INTO idempotency_keys AS kept (id, holder_id, key, request_sha256, status, headers, body)
    VALUES (:id, :holder, :key, :request, :status, CAST(:headers AS jsonb), :body)
    ON CONFLICT (holder_id, key) DO UPDATE
        SET request_sha256 = excluded.request_sha256, status = excluded.status, headers = excluded.headers,
            body = excluded.body, created_at = now()
        WHERE kept.created_at <= now() - make_interval(hours => :hours)
    RETURNING id
    """
)


async def keep(session: AsyncSession, made: Claim, answer: KeptAnswer) -> None:
    """Keep the answer to a request in the transaction of its effect.

    Raises
    ------
    KeyInFlight
        If the same request has had its effect at the same moment: this one then has none.
    """
    values = {
        "id": new_id(),
        "holder": made.holder_id,
        "key": made.key,
        "request": made.request_sha256,
        "status": answer.status,
        "headers": json.dumps(dict(answer.headers)),
        "body": answer.body,
        "hours": KEPT_HOURS,
    }
    if (await session.execute(_KEEP, values)).one_or_none() is None:
        raise KeyInFlight("The same request was carried out at this moment: send it again for its answer.")


async def forget_old_keys(session: AsyncSession, *, limit: int = 5_000) -> int:
    """Remove keys past their day, so many at most, and return how many there were."""
    removed = await session.execute(
        text(
            """
            DELETE FROM idempotency_keys WHERE id IN (
                SELECT id FROM idempotency_keys WHERE created_at <= now() - make_interval(hours => :hours)
                ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
            ) RETURNING id
            """
        ),
        {"hours": KEPT_HOURS, "limit": limit},
    )
    return len(removed.all())
