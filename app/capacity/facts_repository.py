"""Queries behind the facts of units and slots: one for each kind of row, whatever their number."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, literal_column, null, select
from sqlalchemy.dialects.postgresql import JSONB, Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.capacity.models import AGREEMENT_CAPS, Slot, SlotStatus
from app.capacity.release import in_reserves
from app.capacity.supply import Span
from app.catalogue.models import CatalogueState, LineModality, ProductionLine, Site, Unit
from app.core.driver import Driver, Prepared, PreparedRows
from app.core.plain import columns_of
from app.core.vocabulary import Reserve
from app.identity.models import Organisation

_SISTER = aliased(Unit)
_UNITS_OF_LINE = (
    select(func.count()).where(col(_SISTER.line_id) == col(ProductionLine.id)).correlate(ProductionLine)
).scalar_subquery()


async def unit_rows(
    session: AsyncSession,
    *,
    unit_ids: Collection[UUID] | None,
    line_ids: Collection[UUID] | None,
    modalities: Collection[str] | None,
) -> list[tuple[Unit, ProductionLine, Site, int]]:
    """Return units with their line, its site, and how many units it has, in the order of their creation."""
    statement = (
        select(Unit, ProductionLine, Site, _UNITS_OF_LINE)
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .order_by(col(Unit.id))
    )
    if unit_ids is not None:
        statement = statement.where(col(Unit.id).in_(unit_ids))
    if line_ids is not None:
        statement = statement.where(col(Unit.line_id).in_(line_ids))
    if modalities is not None:
        statement = statement.where(col(ProductionLine.modalities).overlap(list(modalities)))  # type: ignore[attr-defined]
    return [(unit, line, site, units) for unit, line, site, units in await session.execute(statement)]


async def line_modalities(session: AsyncSession, line_ids: Collection[UUID]) -> list[LineModality]:
    """Return what these lines take for each modality."""
    statement = select(LineModality).where(col(LineModality.line_id).in_(line_ids))
    return list(await session.scalars(statement))


async def published_slots(
    session: AsyncSession,
    *,
    unit_ids: Collection[UUID] | None,
    slot_ids: Collection[UUID] | None,
    reserves: Collection[Reserve] | None,
    as_of_on: date,
    within: Span | None,
) -> list[tuple[Slot, int | None]]:
    """Return published slots with the cap of their agreement in cents, by unit and in order of time."""
    statement = (
        select(Slot, AGREEMENT_CAPS.c.capped_price_cents)
        .outerjoin(AGREEMENT_CAPS, AGREEMENT_CAPS.c.id == col(Slot.agreement_id))
        .where(col(Slot.status) == SlotStatus.PUBLISHED)
        .order_by(col(Slot.unit_id), col(Slot.period))
    )
    if unit_ids is not None:
        statement = statement.where(col(Slot.unit_id).in_(unit_ids))
    if slot_ids is not None:
        statement = statement.where(col(Slot.id).in_(slot_ids))
    if reserves is not None:
        statement = statement.where(in_reserves(reserves, as_of_on))
    if within is not None:
        span = Range(within.start_on, within.end_on, bounds="[)")
        statement = statement.where(col(Slot.period).overlaps(span))  # type: ignore[attr-defined]
    return [(slot, cap_cents) for slot, cap_cents in await session.execute(statement)]


_OF_UNIT = (Unit, ProductionLine, Site)
STATE = select(col(CatalogueState.name)).scalar_subquery()
"""The name of the state of the catalogue, as the rest of a statement finds it."""
_KNOWN_UNITS = PreparedRows(
    select(
        *columns_of(*_OF_UNIT),
        _UNITS_OF_LINE,
        literal_column(
            "(SELECT jsonb_agg(to_jsonb(offer)) FROM line_modalities offer WHERE offer.line_id = production_lines.id)",
            JSONB,
        ),
        col(Organisation.name),
        STATE,
    )
    .select_from(Unit)
    .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
    .join(Site, col(Site.id) == col(ProductionLine.site_id))
    .join(Organisation, col(Organisation.id) == col(Site.organisation_id)),
    *_OF_UNIT,
)


async def known_units(driver: Driver) -> tuple[UUID | None, list[Any]]:
    """Return the name of the state of the catalogue, and every unit with all that its facts are made of.

    In this order: unit, line, site, number of units of the line, its terms as rows, and the name of its organisation.
    Where there are none, the name is read first: if it still is the same where it is used, none were added in between.
    """
    found = await _KNOWN_UNITS.each(driver, {})
    if found:
        return found[0][-1], [row[:-1] for row in found]
    state = await catalogue_state(driver)
    return state, [row[:-1] for row in await _KNOWN_UNITS.each(driver, {})]


_STATE = Prepared(select(col(CatalogueState.name)))


async def catalogue_state(driver: Driver) -> UUID | None:
    """Return the name of the state of the catalogue; None where it was emptied past its triggers."""
    found = await _STATE.first(driver, {})
    return found[0] if found else None


_SLOT = (
    select(*columns_of(Slot), AGREEMENT_CAPS.c.capped_price_cents)
    .select_from(Slot)
    .outerjoin(AGREEMENT_CAPS, AGREEMENT_CAPS.c.id == col(Slot.agreement_id))
    .where(col(Slot.id) == bindparam("slot_id"))
)
_BUSY = literal_column(
    "(SELECT jsonb_agg(jsonb_build_array(lower(stretch), upper(stretch)))"
    " FROM slot_occupancy(ARRAY[slots.id]) busy, unnest(busy.days) stretch)",
    JSONB,
)
PLACE = PreparedRows(_SLOT.add_columns(_BUSY.label("busy"), STATE.label("state")), Slot)
"""A slot, by its `slot_id`, with all that its facts are made of.

In this order: slot, the cap of its agreement in cents, the occupied stretches of the slot as pairs of days, and the
name of the state of the catalogue.
"""
PLACE_AS_IF_FREE = PreparedRows(_SLOT.add_columns(null().label("busy"), STATE.label("state")), Slot)
"""The same without what occupies it: to find that out is two thirds of the work, and the calendar decides anyway."""
