"""An organisation's own keys: seen by all who act for it, made, rotated and revoked in their own role."""

import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.errors import Invalid, NotAllowed, NotAuthenticated, NotFound, StateConflict
from app.core.paging import PageQuery
from app.core.preconditions import lock_seen
from app.identity import key_repository, repository
from app.identity.actor import Actor
from app.identity.errors import SecretReplaced, TooManyKeys
from app.identity.key_repository import UsedKey
from app.identity.key_rules import KeyStatus, belongs, earliest, end_of_overlap, latest_end, status_at
from app.identity.key_schemas import KeyCreate, KeyRotate
from app.identity.keys import new_key
from app.identity.models import ApiKey, KeyScope, Role
from app.identity.standing import UNKNOWN_KEY, is_live, require_person_standing


class Unveiled(NamedTuple):
    """A key with its new secret, which nobody can be told again."""

    key: UsedKey
    secret: str


async def list_keys(session: AsyncSession, actor: Actor, paging: PageQuery) -> tuple[list[UsedKey], str | None]:
    """Return one page of the keys of the actor's organisation, live or not, and the cursor of the next."""
    return await key_repository.page_keys(session, actor.organisation_id, paging)


async def get_key(session: AsyncSession, actor: Actor, key_id: UUID) -> UsedKey:
    """Return a key of the actor's organisation.

    Raises
    ------
    NotFound
        If there is none, or it is another organisation's.
    """
    found = await key_repository.find_key(session, actor.organisation_id, key_id)
    if found is None:
        raise NotFound.of("key", key_id)
    return found


async def make_key(
    session: AsyncSession, actor: Actor, command: KeyCreate, *, longest_days: int, most_live: int
) -> Unveiled:
    """Make a key for a program of the actor's organisation: it is in nobody's hands, and so signs nothing.

    Raises
    ------
    NotAllowed
        If it would have another role than the actor, who is no administrator, or a scope that the actor lacks; or if
        the actor is a client of the issuer.
    SecretReplaced
        If the actor came with a secret that a rotation has replaced.
    Invalid
        If the role does not belong to the organisation, or the expiry is past or too far off.
    TooManyKeys
        If the organisation has so many live keys already.
    """
    actor.require_lasting("make keys")
    role = command.role or actor.role
    _require_role(actor, role)
    _require_scopes(actor, command.scopes)
    await _require_kind(session, actor, role)
    end = _end_of(actor, await _acting_key(session, actor))
    expires_at = _expiry(command.expires_at, longest_days, end)
    if await key_repository.count_live(session, actor.organisation_id) >= most_live:
        raise TooManyKeys(f"An organisation has {most_live} live keys at most: revoke one.", facts={"most": most_live})
    secret = new_key()
    row = ApiKey(
        organisation_id=actor.organisation_id,
        role=role,
        name=command.label,
        prefix=secret.prefix,
        scopes=[scope.value for scope in command.scopes],
        secret_sha256=secret.sha256,
        expires_at=expires_at or earliest(latest_end(now(), longest_days), end),
    )
    session.add(row)
    await record(session, actor, "api_key.created", row)
    return Unveiled(UsedKey(row, None), secret.plain)


async def rotate_key(
    session: AsyncSession, actor: Actor, key_id: UUID, command: KeyRotate, *, longest_days: int
) -> Unveiled:
    """Give a key a new secret; the present one holds for the overlap, and one that it had replaced ends now.

    Raises
    ------
    NotFound
        If there is none, or it is another organisation's.
    NotAllowed
        If it is of another role, has a scope that the actor lacks, or is in the hands of another person: with its
        secret the actor would be what it is not. Or if the actor is a client of the issuer.
    SecretReplaced
        If the actor came with a secret that a rotation has replaced: whoever has it shall not take the key over.
    StateConflict
        If it has expired or was revoked.
    Invalid
        If the expiry is past or too far off, or the key would outlive the one that the actor, a program, has.
    """
    actor.require_lasting("rotate keys")
    found = await get_key(session, actor, key_id)
    row = found.key
    _require_role(actor, row.role)
    _require_scopes(actor, map(KeyScope, row.scopes))
    if row.person_id is not None and row.person_id != actor.person_id:
        raise NotAllowed("This key is in the hands of a person, who alone may rotate it; it can be revoked.")
    acting = await _acting_key(session, actor, row)
    await lock_seen(session, row)
    at = now()
    status = status_at(at, expires_at=row.expires_at, revoked_at=row.revoked_at)
    if status is not KeyStatus.LIVE:
        raise StateConflict(f"This key is {status.value}: make a new one.", facts={"key_status": status.value})
    end = _end_of(actor, acting)
    expires_at = _expiry(command.expires_at, longest_days, end) or row.expires_at
    if end is not None and (expires_at is None or expires_at > end):
        raise Invalid.field("expires_at", f"must be given: the key would outlive yours, which expires {_told(end)}")
    before, secret = snapshot(row), new_key()
    row.previous_sha256 = row.secret_sha256
    row.previous_ends_at = end_of_overlap(at, command.overlap_minutes, row.expires_at)
    row.secret_sha256, row.prefix = secret.sha256, secret.prefix
    row.expires_at = expires_at
    await record(session, actor, "api_key.rotated", row, before=before)
    return Unveiled(found, secret.plain)


async def revoke_key(session: AsyncSession, actor: Actor, key_id: UUID) -> UsedKey:
    """End a key with all its secrets, within a second, whoever holds it.

    Raises
    ------
    NotFound
        If there is none, or it is another organisation's.
    NotAllowed
        If it is of another role, and the actor no administrator.
    SecretReplaced
        If the actor came with a secret that a rotation has replaced.
    StateConflict
        If it was revoked before.
    """
    found = await get_key(session, actor, key_id)
    row = found.key
    _require_role(actor, row.role)
    await _acting_key(session, actor, row)
    await lock_seen(session, row)
    if row.revoked_at is not None:
        raise StateConflict("This key was revoked before.", facts={"revoked_at": row.revoked_at.isoformat()})
    before = snapshot(row)
    row.revoked_at = now()
    await record(session, actor, "api_key.revoked", row, before=before)
    return found


async def _acting_key(session: AsyncSession, actor: Actor, changed: ApiKey | None = None) -> ApiKey | None:
    """Return the key that the actor came with, if any, locked together with the one to be changed.

    It is asked for anew, as is a person and their session: what a process has just seen alive may have ended since.

    Raises
    ------
    SecretReplaced
        If the actor's secret is not the present one.
    NotAuthenticated
        If the key or the session has ended, or the person has left.
    """
    await require_person_standing(session, actor, lock=True)  # before keys, as whoever puts somebody out locks them
    if actor.api_key_id is None or actor.secret_sha256 is None:
        return None
    locked = await key_repository.lock_keys(session, {actor.api_key_id, changed.id if changed else actor.api_key_id})
    acting = locked.get(actor.api_key_id)
    if acting is None or not is_live(acting):
        raise NotAuthenticated(UNKNOWN_KEY)
    if not hmac.compare_digest(acting.secret_sha256, actor.secret_sha256):
        raise SecretReplaced("Send the secret that the last rotation gave: the one before it changes no keys.")
    return acting


def _end_of(actor: Actor, acting: ApiKey | None) -> datetime | None:
    """Return how long a key may last that the actor makes or rotates: for a program, no longer than its own."""
    if acting is None or actor.person_id is not None or actor.role is Role.ADMIN:
        return None
    return acting.expires_at


def _told(end: datetime) -> str:
    return end.isoformat(timespec="seconds")


def _require_role(actor: Actor, role: Role) -> None:
    if role is not actor.role:
        actor.require(Role.ADMIN)


def _require_scopes(actor: Actor, scopes: Iterable[KeyScope]) -> None:
    for scope in scopes:
        actor.require_scope(scope)


async def _require_kind(session: AsyncSession, actor: Actor, role: Role) -> None:
    owner = await repository.get_organisation(session, actor.organisation_id)
    if owner is not None and not belongs(role, owner.kind):
        raise Invalid.field("role", f"The role {role.value} does not belong to a {owner.kind.value}.")


def _expiry(wanted: datetime | None, longest_days: int, end: datetime | None) -> datetime | None:
    """Return the expiry that is asked for, if it lies ahead and within what the service and the actor's key allow."""
    at = now()
    latest = latest_end(at, longest_days)
    if wanted is not None and wanted <= at:
        raise Invalid.field("expires_at", "must lie ahead")
    if wanted is not None and latest is not None and wanted > latest:
        raise Invalid.field("expires_at", f"must lie within {longest_days} days", longest_days=longest_days)
    if wanted is not None and end is not None and wanted > end:
        raise Invalid.field("expires_at", f"must not lie behind the end of your own key, {_told(end)}")
    return wanted
