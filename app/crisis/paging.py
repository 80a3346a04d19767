"""Pages of what concerns many in a crisis: displacements, notices, places offered back."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.core.paging import PageQuery
from app.crisis.service import SEES_ALL, get_whole_crisis
from app.identity.actor import Actor

Row = TypeVar("Row")


async def page_for(
    session: AsyncSession,
    actor: Actor,
    crisis_id: UUID,
    paging: PageQuery,
    page: Callable[[UUID | None], Awaitable[tuple[list[Row], str | None]]],
) -> tuple[list[Row], str | None]:
    """Return one page of what concerns many in a crisis: all to those who lead it, to anybody else its own.

    Parameters
    ----------
    page
        Gives the page of one organisation, or of all for None.

    Raises
    ------
    NotFound
        If none concerns the actor: the crisis is then not theirs to know of.
    """
    if actor.role in SEES_ALL:
        await get_whole_crisis(session, actor, crisis_id)
        return await page(None)
    rows, cursor = await page(actor.organisation_id)
    if not rows and paging.cursor is None:
        raise NotFound.of("crisis", crisis_id)
    return rows, cursor
