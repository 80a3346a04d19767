"""Whether the calendars that a plan was made from are still as they were."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.service import calendar_versions


async def changed_units(session: AsyncSession, seen: Mapping[str, int]) -> list[str]:
    """Return the units whose calendar has changed since these versions were read."""
    present = await calendar_versions(session, [UUID(unit) for unit in seen])
    return sorted(unit for unit, version in seen.items() if present.get(UUID(unit)) != version)
