"""Queries on slots: their search, and what of them is free."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    SQLColumnExpression,
    Uuid,
    bindparam,
    case,
    column,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATEMULTIRANGE, DATERANGE, Range, array
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.calendar_repository import first_day, overlaps, span_literal
from app.capacity.models import Agreement, Slot, SlotStatus
from app.capacity.release import in_reserves
from app.capacity.schemas import SlotFilter
from app.capacity.supply import Span
from app.catalogue.models import LineModality, ProductionLine, Site, Unit
from app.core.paging import fetch_rows

START = first_day(col(Slot.period))
_COLUMNS = tuple(Slot.__table__.columns)  # type: ignore[attr-defined]
NOTHING = literal([], DATEMULTIRANGE)


async def page_slots(
    session: AsyncSession, query: SlotFilter, *, today: date, owner_id: UUID | None
) -> tuple[list[Slot], str | None]:
    """Return one page of slots by their first day: an owner's own in any status, for others the published ones."""
    # Plain rows read like slots, and cost a third.
    statement = search(query, today, owner_id).with_only_columns(*_COLUMNS)
    rows, cursor = await fetch_rows(session, statement, query, [(START, date), (col(Slot.id), UUID)])
    return cast("list[Slot]", rows), cursor


async def slots_meeting(
    session: AsyncSession,
    query: SlotFilter,
    slot_ids: Collection[UUID],
    *,
    today: date,
    taken: Mapping[UUID, Sequence[Span]],
) -> set[UUID]:
    """Return those of these slots that the search shows to buyers, with further days counted as booked in some."""
    found: set[UUID] = set()
    for days in {tuple(taken.get(slot_id, ())) for slot_id in slot_ids}:
        alike = [slot_id for slot_id in slot_ids if tuple(taken.get(slot_id, ())) == days]
        statement = search(query, today, None, taken=days).where(col(Slot.id).in_(alike))
        found |= set(await session.scalars(statement.with_only_columns(col(Slot.id))))
    return found


def search(query: SlotFilter, today: date, owner_id: UUID | None, *, taken: Sequence[Span] = ()) -> Select[Slot]:
    """Return the statement of a search, without order or limit; `taken` counts as booked."""
    statement = (
        select(Slot)
        .join(Unit, col(Unit.id) == col(Slot.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
    )
    if owner_id is not None:
        statement = statement.where(col(Site.organisation_id) == owner_id)
    else:
        statement = statement.where(
            col(Slot.status) == SlotStatus.PUBLISHED, col(ProductionLine.not_bookable_reason).is_(None)
        )
    if query.reserve is not None:
        statement = statement.where(in_reserves([query.reserve], today))
    return statement.where(*_named(query), *_eligible(query), *_fits(query, today, taken))


def _named(query: SlotFilter) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on single columns."""
    equal = (
        (col(Slot.status), query.status),
        (col(Slot.unit_id), query.unit_id),
        (col(ProductionLine.id), query.line_id),
        (col(Site.id), query.site_id),
        (col(Site.region), query.region),
    )
    for name, value in equal:
        if value is not None:
            yield name == value
    if query.volume_min is not None:
        yield col(ProductionLine.working_volume_l) >= query.volume_min
    if query.volume_max is not None:
        yield col(ProductionLine.working_volume_l) <= query.volume_max
    if query.start is not None or query.end is not None:
        yield overlaps(col(Slot.period), query.start, query.end)


def _eligible(query: SlotFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what matching asks of a line for a modality, a phase and a platform; unknown is not eligible."""
    if query.modality is not None:
        made = [query.modality]
        yield col(ProductionLine.modalities).contains(made)
        yield or_(col(Site.modalities) == [], col(Site.modalities).contains(made))
        yield _release_days(query).is_not(None)
    if query.phase is not None:
        phase = [query.phase.value]
        yield col(ProductionLine.gmp_phases).contains(phase)
        yield or_(col(Site.gmp_phases) == [], col(Site.gmp_phases).contains(phase))
    if query.platform is not None:
        yield col(ProductionLine.platforms).contains([query.platform])


def _release_days(query: SlotFilter) -> ColumnElement[Any]:
    """Return the release lag of a line for the modality asked for, else its shortest; null where it has no terms."""
    statement = select(func.min(col(LineModality.release_days))).where(
        col(LineModality.line_id) == col(ProductionLine.id)
    )
    if query.modality is not None:
        statement = statement.where(col(LineModality.modality) == query.modality)
    return statement.correlate(ProductionLine).scalar_subquery()


def _fits(query: SlotFilter, today: date, taken: Sequence[Span] = ()) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on the usable part of a slot, and on what of it is free."""
    window, day = span_literal(max(query.start or today, today), query.end), literal(today, Date)
    if query.available:
        yield _has_stretch(_free(window, day, taken), query)
        return
    if query.min_days is not None or query.deliver_by is not None:
        yield _has_stretch(_usable(window, day), query)
    if query.available is not None:
        yield ~_has_stretch(_free(window, day, taken), query)


def _has_stretch(stretches: ColumnElement[Any], query: SlotFilter) -> ColumnElement[bool]:
    """Return whether one of the stretches is long enough, and lets one batch be delivered in time."""
    stretch: ColumnElement[Any] = func.unnest(stretches, type_=DATERANGE).column_valued("stretch")
    first, last = func.lower(stretch, type_=Date), func.upper(stretch, type_=Date)
    conditions: list[ColumnElement[bool]] = [last - first >= (query.min_days or 1)]
    if query.deliver_by is not None:
        batch_days = col(ProductionLine.first_batch_days)
        conditions += [
            last - first >= batch_days + col(ProductionLine.changeover_days),
            first + batch_days + _release_days(query) <= query.deliver_by,
        ]
    return select(literal(1)).where(*conditions).correlate(Slot, ProductionLine).exists()


def _multirange(span: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    return func.datemultirange(span, type_=DATEMULTIRANGE)


def _within(window: ColumnElement[Any]) -> ColumnElement[Any]:
    return _multirange(col(Slot.period).op("*", return_type=DATERANGE())(window))


def _usable(window: ColumnElement[Any], today: ColumnElement[date]) -> ColumnElement[Any]:
    """Return what could be used of a slot, booked or not."""
    return case(
        (col(Slot.divisible), _within(window)),
        (today <= START, _multirange(col(Slot.period))),
        else_=NOTHING,
    )


def _free(window: ColumnElement[Any], today: ColumnElement[date], taken: Sequence[Span] = ()) -> ColumnElement[Any]:
    """Return what can still be booked of a slot."""
    booked = _BOOKED
    if taken:
        days = literal([Range(one.start_on, one.end_on) for one in taken], DATEMULTIRANGE)
        booked = booked.op("+", return_type=DATEMULTIRANGE())(days)
    return case(
        (col(Slot.divisible), _within(window).op("-", return_type=DATEMULTIRANGE())(booked)),
        ((today <= START) & func.isempty(booked), _multirange(col(Slot.period))),
        else_=NOTHING,
    )


def _booked() -> ColumnElement[Any]:
    """Return the periods that live bookings occupy in a slot."""
    occupied = (
        func.unit_occupancy(array([col(Slot.unit_id)]))
        .table_valued(column("slot_id", Uuid), column("period", DATERANGE))
        .alias("occupied")
    )
    periods = (
        select(func.range_agg(occupied.c.period, type_=DATEMULTIRANGE))
        .where(occupied.c.slot_id == col(Slot.id))
        .correlate(Slot)
        .scalar_subquery()
    )
    return func.coalesce(periods, NOTHING)


_BOOKED = _booked()

# Made once: to make such a statement costs more than to run it.
_FREE_SPANS = select(
    col(Slot.id), _free(bindparam("from_today", type_=DATERANGE), bindparam("today", type_=Date))
).where(col(Slot.id) == func.any(bindparam("slot_ids", type_=ARRAY(Uuid))))


async def free_spans(session: AsyncSession, slot_ids: Collection[UUID], today: date) -> dict[UUID, list[Span]]:
    """Return what can still be booked of each of these slots from today on, in order."""
    values = {"slot_ids": list(slot_ids), "today": today, "from_today": Range(today, None, bounds="[)")}
    return {
        slot_id: [Span(one.lower, one.upper) for one in stretches]
        for slot_id, stretches in await session.execute(_FREE_SPANS, values)
    }


async def agreements_by_id(session: AsyncSession, agreement_ids: Collection[UUID]) -> dict[UUID, Agreement]:
    """Return these agreements; one that does not exist is left out."""
    found = await session.scalars(select(Agreement).where(col(Agreement.id).in_(agreement_ids)))
    return {one.id: one for one in found}
