"""What a caller saw of an object before changing it: the version that its change is conditional on.

The version is written as a strong entity tag, `"7"`, in `ETag` and `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1).
A route notes what the caller sent; whoever locks the object then requires it, so that nothing changes in between.
"""

import re
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import DomainError
from app.core.model import Versioned

_NOTED = "precondition"
_TAG = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*')
_VERSION = re.compile(r'\s*"([1-9][0-9]{0,9})"\s*')

Row = TypeVar("Row", bound=Versioned)


class PreconditionRequired(DomainError):
    """The change names no version of what it changes.

    Source: RFC 6585, section 3.
    """

    type, title, status = "precondition-required", "Say which version you have seen", 428


class Stale(DomainError):
    """The object has changed since the caller saw it."""

    type, title, status = "stale", "It has changed since you saw it", 412


class MalformedPrecondition(DomainError):
    """The header is no list of entity tags."""

    type, title, status = "malformed-precondition", "If-Match is not a list of entity tags", 400


class Precondition:
    """The versions of one object that a change may start from; None: any that there is."""

    def __init__(self, object_id: UUID, versions: frozenset[int] | None) -> None:
        self.object_id = object_id
        self.versions = versions
        self.is_checked = False


def tag_of(version: int) -> str:
    """Return the entity tag of a version."""
    return f'"{version}"'


def parse_if_match(header: str | None) -> frozenset[int] | None:
    """Return the versions that an `If-Match` header names, or None for `*`; weak and foreign tags match nothing.

    Raises
    ------
    PreconditionRequired
        Without a header.
    MalformedPrecondition
        If it is no list of entity tags.
    """
    if header is None or not header.strip():
        raise PreconditionRequired(
            'Read the object, and send its ETag (its version in quotes) along: `If-Match: "7"`; `*` takes any version.'
        )
    if header.strip() == "*":
        return None
    tags = header.split(",")
    if not all(_TAG.fullmatch(tag) for tag in tags):
        raise MalformedPrecondition('Send the ETag as it was answered, quotes included: `If-Match: "7"`.')
    return frozenset(int(found[1]) for tag in tags if (found := _VERSION.fullmatch(tag)))


def note(session: AsyncSession, object_id: UUID, versions: frozenset[int] | None) -> None:
    """Make what follows in this transaction conditional on a version of one object."""
    session.info[_NOTED] = Precondition(object_id, versions)


def require_seen(session: AsyncSession, row: Row) -> Row:
    """Return the row, unless the caller has noted other versions of this very object.

    Call it where the row is locked: what it lets pass stays true until the transaction ends. The first call decides,
    since what the transaction itself writes raises the version.

    Raises
    ------
    Stale
        If the caller saw another version; its facts name the present one.
    """
    asked: Precondition | None = session.info.get(_NOTED)
    if asked is None or asked.is_checked or asked.object_id != row.id:
        return row
    asked.is_checked = True
    if asked.versions is not None and row.version not in asked.versions:
        raise Stale("Read it again, and decide on what it is now.", facts={"version": row.version})
    return row


async def lock_seen(session: AsyncSession, row: Row) -> Row:
    """Return the row as it is now, locked until the transaction ends, and still as the caller saw it.

    Raises
    ------
    Stale
        If the caller saw another version.
    """
    await session.refresh(row, with_for_update={"key_share": True})
    return require_seen(session, row)


def forget(session: AsyncSession) -> None:
    """End a precondition with its request.

    Raises
    ------
    RuntimeError
        If nobody has checked it: a change went through whose condition was never looked at.
    """
    asked: Precondition | None = session.info.pop(_NOTED, None)
    if asked is not None and not asked.is_checked:
        raise RuntimeError(f"the precondition on {asked.object_id} was never checked")
