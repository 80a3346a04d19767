"""An organisation's own keys over HTTP."""

from uuid import UUID

from fastapi import Request

from app.core.clock import now
from app.core.http import DbSession, Paging, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.core.settings import Settings
from app.identity import own_keys
from app.identity.dependencies import ONCE_IF_ASKED, CurrentActor
from app.identity.key_repository import UsedKey
from app.identity.key_rules import status_at
from app.identity.key_schemas import KeyCreate, KeyMade, KeyRead, KeyRotate
from app.identity.models import KeyScope
from app.identity.own_keys import Unveiled

router = ApiRouter(prefix="/v1/keys", tags=["keys"])


def _read(used: UsedKey) -> KeyRead:
    row = used.key
    return KeyRead(
        id=row.id,
        label=row.name,
        prefix=row.prefix,
        role=row.role,
        scopes=[KeyScope(scope) for scope in row.scopes],
        person_id=row.person_id,
        status=status_at(now(), expires_at=row.expires_at, revoked_at=row.revoked_at),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=used.last_used_at,
        previous_ends_at=row.previous_ends_at,
        version=row.version,
    )


def _made(unveiled: Unveiled) -> KeyMade:
    return KeyMade(**_read(unveiled.key).model_dump(), secret=unveiled.secret)


@router.get("", summary="List keys")
async def list_keys(request: Request, session: DbSession, actor: CurrentActor, query: Paging) -> Page[KeyRead]:
    """All keys of one's own organisation, those that have ended too; never a secret."""
    rows, cursor = await own_keys.list_keys(session, actor, query)
    return Page(items=[_read(row) for row in rows], next=next_url(request, cursor))


@router.get("/{key_id}", summary="Read one key")
async def get_key(session: DbSession, actor: CurrentActor, key_id: UUID) -> KeyRead:
    """One key of one's own organisation, without its secret."""
    return _read(await own_keys.get_key(session, actor, key_id))


@router.post("", status_code=201, summary="Make a key", dependencies=[ONCE_IF_ASKED])
async def make_key(request: Request, session: DbSession, actor: CurrentActor, command: KeyCreate) -> KeyMade:
    """A key for a program of one's own organisation, in one's own role; an administrator may give others.

    `secret` is shown in this answer and never again: not even where the request is repeated for its `Idempotency-Key`,
    which makes no second key and answers `null` there. Whoever has lost it rotates the key. A key without `write` is
    refused, with 403 and the `scope` that it lacks, whatever it would change. What a program makes ends with its own
    key at the latest; a secret that a rotation has replaced makes, rotates and revokes no keys.
    """
    settings: Settings = request.app.state.settings
    made = await own_keys.make_key(
        session, actor, command, longest_days=settings.key_longest_days, most_live=settings.key_most_live
    )
    return _made(made)


@router.post("/{key_id}/rotate", summary="Rotate a key", dependencies=[ONCE_IF_ASKED, if_match("key_id")])
async def rotate_key(
    request: Request, session: DbSession, actor: CurrentActor, key_id: UUID, command: KeyRotate
) -> KeyMade:
    """A new secret for the same key; the present one holds for `overlap_minutes` more, a day unless said otherwise.

    Of two rotations in that time the second ends what the first has kept: no key has more than two secrets. A key
    in a person's hands is rotated by that person alone. A program makes no key last longer than its own.
    """
    days: int = request.app.state.settings.key_longest_days
    return _made(await own_keys.rotate_key(session, actor, key_id, command, longest_days=days))


@router.post("/{key_id}/revoke", summary="Revoke a key", dependencies=[ONCE_IF_ASKED, if_match("key_id")])
async def revoke_key(session: DbSession, actor: CurrentActor, key_id: UUID) -> KeyRead:
    """The key opens nothing any more, a second later at most; it stays in the list."""
    return _read(await own_keys.revoke_key(session, actor, key_id))
