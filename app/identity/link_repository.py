"""Queries on links by mail, and on browsers that were sent to the issuer."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.identity.sign_in_models import SignInLink

KEPT_DAYS = 1


class Claimed(NamedTuple):
    """What a link was good for."""

    email: str
    invitation_id: UUID | None


async def count_asked(session: AsyncSession, email: str, *, minutes: int) -> int:
    """Return how many links were asked for an address lately, those of invitations left out."""
    statement = select(func.count()).where(
        col(SignInLink.email) == email,
        col(SignInLink.invitation_id).is_(None),
        col(SignInLink.created_at) > func.now() - func.make_interval(0, 0, 0, 0, 0, minutes),
    )
    return (await session.scalar(statement)) or 0


async def lock_to_mail(session: AsyncSession, link_id: UUID) -> SignInLink | None:
    """Return a link that can still be used, locked, or None."""
    statement = select(SignInLink).where(
        col(SignInLink.id) == link_id, col(SignInLink.used_at).is_(None), col(SignInLink.expires_at) > func.now()
    )
    found: SignInLink | None = await session.scalar(statement.with_for_update(key_share=True))
    return found


async def find_live_link(session: AsyncSession, sha256: bytes) -> SignInLink | None:
    """Return the link with this digest, if it can still be used."""
    statement = select(SignInLink).where(
        col(SignInLink.secret_sha256) == sha256,
        col(SignInLink.used_at).is_(None),
        col(SignInLink.expires_at) > func.now(),
    )
    found: SignInLink | None = await session.scalar(statement)
    return found


async def claim_link(session: AsyncSession, sha256: bytes) -> Claimed | None:
    """Use a link up, and return what it was good for; None if another has, or it has expired."""
    statement = (
        update(SignInLink)
        .where(
            col(SignInLink.secret_sha256) == sha256,
            col(SignInLink.used_at).is_(None),
            col(SignInLink.expires_at) > func.now(),
        )
        .values(used_at=func.now())
        .returning(col(SignInLink.email), col(SignInLink.invitation_id))
        .execution_options(synchronize_session=False)
    )
    found = (await session.execute(statement)).one_or_none()
    return None if found is None else Claimed(*found)


async def end_other_links(session: AsyncSession, email: str) -> None:
    """Let the links that were asked for an address and not used open nothing any more."""
    await session.execute(
        update(SignInLink)
        .where(
            col(SignInLink.email) == email,
            col(SignInLink.used_at).is_(None),
            col(SignInLink.invitation_id).is_(None),
            col(SignInLink.expires_at) > func.now(),
        )
        .values(expires_at=func.now())
        .execution_options(synchronize_session=False)
    )


async def claim_attempt(session: AsyncSession, sha256: bytes) -> bool:
    """Tell whether a browser was sent to the issuer with this secret and is not back yet; it is from now on."""
    statement = text(
        "DELETE FROM sign_in_attempts WHERE secret_sha256 = :sha256 RETURNING expires_at > now() AS in_time"
    )
    return bool(await session.scalar(statement, {"sha256": sha256}))


async def remove_old(session: AsyncSession, limit: int) -> int:
    """Remove links a day after they expired, and attempts that have, so many at most; return how many there were."""
    links = text(
        """
        DELETE FROM sign_in_links WHERE id IN (
            SELECT id FROM sign_in_links WHERE expires_at <= now() - make_interval(days => :days)
            ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
        ) RETURNING id
        """
    )
    attempts = text(
        """
        DELETE FROM sign_in_attempts WHERE id IN (
            SELECT id FROM sign_in_attempts WHERE expires_at <= now()
            ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
        ) RETURNING id
        """
    )
    gone = len((await session.execute(links, {"days": KEPT_DAYS, "limit": limit})).all())
    return gone + len((await session.execute(attempts, {"limit": limit})).all())
