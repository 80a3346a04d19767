"""Whether the calendars that a plan was made from are still as they were."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.service import calendar_versions
from app.crisis.calendar_repository import awaited_periods


async def changed_units(session: AsyncSession, seen: Mapping[str, int]) -> list[str]:
    """Return the units whose calendar has changed since these versions were read."""
    present = await calendar_versions(session, [UUID(unit) for unit in seen])
    return sorted(unit for unit, version in seen.items() if present.get(UUID(unit)) != version)


async def outdated_units(session: AsyncSession, crisis_id: UUID, body: Mapping[str, Any]) -> list[str]:
    """Return the units where a plan is out of date, once they are locked.

    Their calendar has changed, or an order of another crisis awaits days that the plan needs: no calendar changes for
    an order whose place is still held.
    """
    seen = body["calendar_versions"]
    awaited = await awaited_periods(session, [UUID(unit) for unit in seen], crisis_id)
    places = [*body["campaigns"], *(one["to"] for one in body["displacements"] if one["to"])]
    taken = {
        str(place["unit_id"])
        for place in places
        for days in awaited.get(UUID(place["slot_id"]), ())
        if date.fromisoformat(place["start"]) < days.end_on and days.start_on < date.fromisoformat(place["end"])
    }
    return sorted({*await changed_units(session, seen), *taken})
