"""What came to be for booking and has not been told to anybody: each opening is taken once, by one transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity import opening_repository, repository
from app.capacity.models import SlotOpening
from app.capacity.occupancy import span_of
from app.capacity.supply import Span

MOST_SLOTS = 200
"""How many slots are looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One slot that came to be for booking, in one or several openings.

    Attributes
    ----------
    newest_id
        The opening by which it is known.
    days
        What opened; empty where that is the whole slot.
    """

    slot_id: UUID
    newest_id: UUID
    opening_ids: tuple[UUID, ...]
    days: tuple[Span, ...]


async def note_releases(session: AsyncSession, day: date) -> int:
    """Note the slots that are released by a day, once each, and return how many are new."""
    return await opening_repository.note_releases(session, day, MOST_SLOTS)


async def pending_openings(session: AsyncSession) -> list[Opened]:
    """Return what still has to be told of some slots: all there is of each of them."""
    found: dict[UUID, list[SlotOpening]] = {}
    for one in await opening_repository.pending(session, MOST_SLOTS):
        found.setdefault(one.slot_id, []).append(one)
    return [_opened(slot_id, listed) for slot_id, listed in found.items()]


def _opened(slot_id: UUID, listed: list[SlotOpening]) -> Opened:
    whole = any(one.period is None for one in listed)
    days = () if whole else tuple(sorted(span_of(one.period) for one in listed if one.period is not None))
    return Opened(slot_id, listed[-1].id, tuple(one.id for one in listed), days)


async def mark_told(session: AsyncSession, opened: Collection[Opened] | None, at: datetime) -> None:
    """Mark openings as told, or with None all there are: nobody else tells them."""
    ids = None if opened is None else [one for each in opened for one in each.opening_ids]
    await opening_repository.mark_evaluated(session, ids, at)


async def openings_by_id(session: AsyncSession, opening_ids: Collection[UUID]) -> dict[UUID, SlotOpening]:
    """Return these openings by identifier."""
    return await opening_repository.by_id(session, opening_ids)


async def held_still(session: AsyncSession, slot_ids: Collection[UUID]) -> set[UUID]:
    """Return which of these slots a round or a crisis holds still."""
    return {one.slot_id for one in await repository.freezes_of_slots(session, slot_ids)}
