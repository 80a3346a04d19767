"""When units are occupied by live bookings; the capability of bookings lies above, so a database function tells."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, DATERANGE, Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.supply import Claim, Span
from app.core.vocabulary import Reserve

UNIT_OCCUPANCY = (
    text("SELECT unit_id, slot_id, period FROM unit_occupancy(:unit_ids, :leaving)")
    .bindparams(bindparam("unit_ids", type_=ARRAY(Uuid)), bindparam("leaving", type_=Uuid))
    .columns(unit_id=Uuid, slot_id=Uuid, period=DATERANGE)
)


SLOT_CLAIMS = (
    text(
        "SELECT wanted.id AS slot_id, kind, period, reserve, lent FROM unnest(:slot_ids) AS wanted (id)"
        " CROSS JOIN LATERAL slot_claims(wanted.id) AS claim"
    )
    .bindparams(bindparam("slot_ids", type_=ARRAY(Uuid)))
    .columns(slot_id=Uuid, kind=Text, period=DATERANGE, reserve=Text, lent=Boolean)
)


class Claims(NamedTuple):
    """What relies on one slot, each in order of time: live bookings, and crisis orders that await their answer."""

    booked: list[Claim]
    ordered: list[Span]


class Occupied(NamedTuple):
    """Days that a live booking holds on a unit, or for which a campaign keeps it longer; nothing tells whose."""

    unit_id: UUID
    slot_id: UUID
    period: Span


def span_of(days: Range) -> Span:  # type: ignore[type-arg]
    """Return a stored period, which is always bounded, as a span."""
    if days.lower is None or days.upper is None:
        raise ValueError(f"the period {days} is not bounded")
    return Span(days.lower, days.upper)


async def occupied_periods(
    session: AsyncSession, unit_ids: Collection[UUID], *, leaving: UUID | None = None
) -> dict[UUID, list[Occupied]]:
    """Return the occupied periods of each of these units, in order; they overlap where one is kept longer.

    What has run out, a hold or a question to a CDMO, occupies nothing.

    Parameters
    ----------
    leaving
        A booking that would leave its place: it occupies nothing.
    """
    found: dict[UUID, list[Occupied]] = {unit_id: [] for unit_id in unit_ids}
    if found:
        values = {"unit_ids": list(found), "leaving": leaving}
        for unit_id, slot_id, days in await session.execute(UNIT_OCCUPANCY, values):
            found[unit_id].append(Occupied(unit_id, slot_id, span_of(days)))
    return found


async def claims_on(session: AsyncSession, slot_id: UUID) -> Claims:
    """Return what relies on a slot; a hold that has run out does not."""
    return (await claims_on_each(session, [slot_id]))[slot_id]


async def claims_on_each(session: AsyncSession, slot_ids: Collection[UUID]) -> dict[UUID, Claims]:
    """Return what relies on each of these slots."""
    found = {slot_id: Claims([], []) for slot_id in slot_ids}
    if found:
        for slot_id, kind, days, reserve, lent in await session.execute(SLOT_CLAIMS, {"slot_ids": list(found)}):
            if kind == "booking":
                found[slot_id].booked.append(Claim(span_of(days), Reserve(reserve), lent))
            else:
                found[slot_id].ordered.append(span_of(days))
    return found
