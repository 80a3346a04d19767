"""Whether who acts still may: asked anew before anything is made that outlasts them.

A process trusts a key or a session for half a second after it has seen it alive. What is done in that time by somebody
who has just been put out must leave nothing by which they, or whom they choose, come in again.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import now
from app.core.errors import NotAuthenticated
from app.identity import key_repository, session_repository
from app.identity import people_repository as people
from app.identity.actor import Actor
from app.identity.key_rules import KeyStatus, status_at
from app.identity.models import ApiKey

UNKNOWN_KEY = "This key is unknown, expired or revoked."


async def require_standing(session: AsyncSession, actor: Actor, *, lock: bool = False) -> None:
    """Let pass only who still acts, in the same role and by the same session or key.

    Parameters
    ----------
    lock
        Whether nobody shall put them out until the transaction ends: for what would otherwise be made beside a
        deactivation that looks for it and does not see it yet. Not for what locks other people too.

    Raises
    ------
    NotAuthenticated
        Anybody else.
    """
    await require_person_standing(session, actor, lock=lock)
    if actor.api_key_id is not None and not is_live(await key_repository.read_key(session, actor.api_key_id)):
        raise NotAuthenticated(UNKNOWN_KEY)


async def require_person_standing(session: AsyncSession, actor: Actor, *, lock: bool) -> None:
    """Let pass only a person who is still active, by a session in the same role that goes on; and any program.

    Raises
    ------
    NotAuthenticated
        Anybody else.
    """
    if actor.person_id is not None:
        person = await people.read_person(session, actor.person_id, lock=lock)
        if person is None or person.deactivated_at is not None:
            raise NotAuthenticated("You can no longer act here: you were deactivated.")
        if actor.session_id is not None and person.role is not actor.role:
            raise NotAuthenticated("Your role has just changed: ask again.")
    if actor.session_id is not None and not await session_repository.is_open(session, actor.session_id, lock=lock):
        raise NotAuthenticated("Your session has ended: sign in again.")


def is_live(key: ApiKey | None) -> bool:
    """Tell whether a key opens anything now."""
    return key is not None and (
        status_at(now(), expires_at=key.expires_at, revoked_at=key.revoked_at) is KeyStatus.LIVE
    )
