"""The search for slots in SQL: one statement for each set of filters, made once, since making it costs more than it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    SQLColumnExpression,
    Text,
    Uuid,
    bindparam,
    case,
    column,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATEMULTIRANGE, DATERANGE, Range, array
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.calendar_repository import first_day
from app.capacity.models import Slot, SlotStatus
from app.capacity.release import in_reserves
from app.capacity.schemas import SlotFilter, SlotNeeds
from app.capacity.supply import Span
from app.catalogue.models import LineModality, ProductionLine, Site, Unit
from app.core.driver import Prepared
from app.core.vocabulary import Reserve

START = first_day(col(Slot.period))
NOTHING = literal_column("'{}'::datemultirange", DATEMULTIRANGE)
TODAY = bindparam("today", type_=Date)
FROM_TODAY = func.daterange(TODAY, None, type_=DATERANGE)

_PUBLISHED: ColumnElement[str] = literal_column(f"'{SlotStatus.PUBLISHED.value}'")
"""As a constant: the index of published slots serves no plan that is made before the status is known."""
_WINDOW = bindparam("window", type_=DATERANGE)


class Shape(NamedTuple):
    """What the statement of a search depends on: which filters are given, not with what.

    Attributes
    ----------
    given
        The names of the filters that have a value.
    of_owner
        Whether it is among an owner's own slots, in any status.
    reserve
        The one asked for; which slots are in it differs from one to the other.
    available
        As in the filter.
    taken
        Whether further days count as booked.
    """

    given: frozenset[str]
    of_owner: bool
    reserve: Reserve | None
    available: bool | None
    taken: bool


def shape_of(query: SlotNeeds, owner_id: UUID | None, *, taken: Sequence[Span] = ()) -> Shape:
    """Return the shape of a search."""
    given = frozenset(name for name, value in query if value is not None and name not in {"limit", "cursor"})
    available = query.available if isinstance(query, SlotFilter) else None
    return Shape(given, owner_id is not None, query.reserve, available, bool(taken))


def values_of(query: SlotNeeds, owner_id: UUID | None, day: date, *, taken: Sequence[Span] = ()) -> dict[str, Any]:
    """Return the values that the statement of a search is run with."""
    return {name: value for name, value in query if value is not None} | {
        "owner_id": owner_id,
        "today": day,
        "made": [query.modality],
        "phases": [query.phase],
        "platforms": [query.platform],
        "days": Range(query.start, query.end, bounds="[)"),
        "window": Range(max(query.start or day, day), query.end, bounds="[)"),
        "least_days": query.min_days or 1,
        "taken": [Range(one.start_on, one.end_on, bounds="[)") for one in taken],
    }


@lru_cache(maxsize=1_000)
def search(shape: Shape) -> Select[Slot]:
    """Return the statement of a search, without order or limit."""
    statement = (
        select(Slot)
        .join(Unit, col(Unit.id) == col(Slot.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
    )
    if shape.of_owner:
        statement = statement.where(col(Site.organisation_id) == bindparam("owner_id"))
    else:
        statement = statement.where(col(Slot.status) == _PUBLISHED, col(ProductionLine.not_bookable_reason).is_(None))
    if shape.reserve is not None:
        statement = statement.where(in_reserves([shape.reserve], TODAY))
    return statement.where(*_named(shape.given), *_eligible(shape.given), *_fits(shape))


@lru_cache(maxsize=1_000)
def page_of(shape: Shape, *, further: bool) -> Prepared:
    """Return the statement of one page of a search: the first days and identifiers of its slots, in this order.

    Its values are those of the search, `limit`, and with `further` what the page comes after: `after_on`, `after_id`.
    """
    key = (START, col(Slot.id))
    statement = search(shape).with_only_columns(START.label("start_on"), col(Slot.id)).order_by(*key)
    if further:
        after = bindparam("after_on", type_=Date), bindparam("after_id", type_=Uuid)
        statement = statement.where(tuple_(*key) > tuple_(*after))
    return Prepared(statement.limit(bindparam("limit", type_=Integer)))


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
        values = values_of(query, None, today, taken=days)
        alike = [slot_id for slot_id in slot_ids if tuple(taken.get(slot_id, ())) == days]
        statement = _meeting(shape_of(query, None, taken=days))
        found |= set(await session.scalars(statement, values | {"slot_ids": alike}))
    return found


@lru_cache(maxsize=1_000)
def _meeting(shape: Shape) -> Select[tuple[UUID]]:
    among = col(Slot.id) == func.any(bindparam("slot_ids", type_=ARRAY(Uuid)))
    return search(shape).where(among).with_only_columns(col(Slot.id))


def _named(given: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on single columns."""
    equal = {
        "status": col(Slot.status),
        "unit_id": col(Slot.unit_id),
        "line_id": col(ProductionLine.id),
        "site_id": col(Site.id),
        "region": col(Site.region),
    }
    for name, compared in equal.items():
        if name in given:
            yield compared == bindparam(name)
    if "volume_min" in given:
        yield col(ProductionLine.working_volume_l) >= bindparam("volume_min")
    if "volume_max" in given:
        yield col(ProductionLine.working_volume_l) <= bindparam("volume_max")
    if "start" in given or "end" in given:
        yield col(Slot.period).op("&&", is_comparison=True)(bindparam("days", type_=DATERANGE))


def _eligible(given: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """Yield what matching asks of a line for a modality, a phase and a platform; unknown is not eligible."""
    if "modality" in given:
        made = bindparam("made", type_=ARRAY(Text))
        yield col(ProductionLine.modalities).contains(made)
        yield or_(col(Site.modalities) == [], col(Site.modalities).contains(made))
        yield _release_days(given).is_not(None)
    if "phase" in given:
        phases = bindparam("phases", type_=ARRAY(Text))
        yield col(ProductionLine.gmp_phases).contains(phases)
        yield or_(col(Site.gmp_phases) == [], col(Site.gmp_phases).contains(phases))
    if "platform" in given:
        yield col(ProductionLine.platforms).contains(bindparam("platforms", type_=ARRAY(Text)))


def _release_days(given: Collection[str]) -> ColumnElement[Any]:
    """Return the release lag of a line for the modality asked for, else its shortest; null where it has no terms."""
    statement = select(func.min(col(LineModality.release_days))).where(
        col(LineModality.line_id) == col(ProductionLine.id)
    )
    if "modality" in given:
        statement = statement.where(col(LineModality.modality) == bindparam("modality", type_=Text))
    return statement.correlate(ProductionLine).scalar_subquery()


def _fits(shape: Shape) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on the usable part of a slot, and on what of it is free."""
    booked = _booked()
    if shape.taken:
        booked = booked.op("+", return_type=DATEMULTIRANGE())(bindparam("taken", type_=DATEMULTIRANGE))
    if shape.available:
        yield _has_stretch(free_part(col(Slot.period), col(Slot.divisible), _WINDOW, booked), shape.given)
        return
    if "min_days" in shape.given or "deliver_by" in shape.given:
        yield _has_stretch(_usable(_WINDOW), shape.given)
    if shape.available is not None:
        yield ~_has_stretch(free_part(col(Slot.period), col(Slot.divisible), _WINDOW, booked), shape.given)


def _has_stretch(stretches: ColumnElement[Any], given: Collection[str]) -> ColumnElement[bool]:
    """Return whether one of the stretches is long enough, and lets one batch be delivered in time."""
    stretch: ColumnElement[Any] = func.unnest(stretches, type_=DATERANGE).column_valued("stretch")
    first, last = func.lower(stretch, type_=Date), func.upper(stretch, type_=Date)
    conditions: list[ColumnElement[bool]] = [last - first >= bindparam("least_days", type_=Integer)]
    if "deliver_by" in given:
        batch_days = col(ProductionLine.first_batch_days)
        conditions += [
            last - first >= batch_days + col(ProductionLine.changeover_days),
            first + batch_days + _release_days(given) <= bindparam("deliver_by", type_=Date),
        ]
    return select(literal_column("1")).where(*conditions).correlate(Slot, ProductionLine).exists()


def _multirange(span: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    return func.datemultirange(span, type_=DATEMULTIRANGE)


def _usable(window: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what could be used of a slot, booked or not."""
    return free_part(col(Slot.period), col(Slot.divisible), window, NOTHING)


def free_part(
    days: SQLColumnExpression[Any],
    divisible: SQLColumnExpression[bool],
    window: ColumnElement[Any],
    booked: ColumnElement[Any],
) -> ColumnElement[Any]:
    """Return what can still be booked of a slot of these days: where it is divisible, within a window."""
    within = _multirange(days.op("*", return_type=DATERANGE())(window))
    return case(
        (divisible, within.op("-", return_type=DATEMULTIRANGE())(booked)),
        ((first_day(days) >= TODAY) & func.isempty(booked), _multirange(days)),
        else_=NOTHING,
    )


def _booked() -> ColumnElement[Any]:
    """Return the days that live bookings occupy in a slot."""
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
