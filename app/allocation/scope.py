"""What a round may allocate: the published slots of its reserves, modalities, regions and horizon."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Round
from app.allocation.planner import Supply
from app.capacity.facts import slot_facts, unit_facts
from app.capacity.occupancy import span_of
from app.capacity.supply import UnitFacts
from app.core.vocabulary import Reserve


async def supply_in_scope(session: AsyncSession, row: Round, slot_ids: Collection[UUID] | None = None) -> Supply:
    """Return the units and slots in a round's scope; with `slot_ids`, no slot but these.

    The regions are those of the sites. A unit makes, in this round, only the round's modalities.
    """
    units = await unit_facts(session, modalities=row.modalities or None)
    if row.regions:
        units = {unit_id: unit for unit_id, unit in units.items() if unit.region in row.regions}
    if row.modalities:
        units = {unit_id: _restricted(unit, row.modalities) for unit_id, unit in units.items()}
    bookable = [unit_id for unit_id, unit in units.items() if unit.not_bookable_reason is None]
    slots = await slot_facts(
        session,
        unit_ids=bookable,
        slot_ids=slot_ids,
        reserves=[Reserve(reserve) for reserve in row.reserves],
        as_of_on=row.as_of_on,
        within=span_of(row.horizon),
    )
    return Supply({unit_id: units[unit_id] for unit_id in slots}, slots)


def _restricted(unit: UnitFacts, modalities: Collection[str]) -> UnitFacts:
    return replace(unit, modalities=tuple(modality for modality in unit.modalities if modality in modalities))
