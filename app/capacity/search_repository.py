"""The search for slots in SQL: one statement for each set of filters, made once, since making it costs more than it.

What is asked of units the directory answers: the statement is one of slots alone.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    Uuid,
    bindparam,
    column,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATEMULTIRANGE, DATERANGE, Range, array
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.directory import Directory, with_directory
from app.capacity.facts_repository import STATE
from app.capacity.models import Slot, SlotStatus
from app.capacity.release import in_reserves
from app.capacity.schemas import SlotFilter, SlotNeeds
from app.capacity.slot_repository import NOTHING, START, TODAY, free_part, occupied_days, shown_of
from app.capacity.supply import Span, UnitFacts
from app.core.driver import Prepared, driver_of
from app.core.vocabulary import Reserve

_PUBLISHED: ColumnElement[str] = literal_column(f"'{SlotStatus.PUBLISHED.value}'")
"""As a constant: the index of published slots serves no plan that is made before the status is known."""
_WINDOW = bindparam("window", type_=DATERANGE)
_UNITS = bindparam("units", type_=ARRAY(Uuid))
_PLACE = (
    func.unnest(
        _UNITS, bindparam("batch_days", type_=ARRAY(Integer)), bindparam("released_after", type_=ARRAY(Integer))
    )
    .table_valued(column("unit_id", Uuid), column("batch_days", Integer), column("released_after", Integer))
    .render_derived("place")
)
"""The units asked for, each with the days that one batch occupies, and after which it can be delivered."""
_OF_SLOTS = ("start", "end", "deliver_by", "min_days", "status")


class Shape(NamedTuple):
    """What the statement of a search depends on: which filters are given, not with what.

    Attributes
    ----------
    given
        The names of the filters on slots that have a value.
    published
        Whether only published slots are meant, or those of any status.
    everywhere
        Whether the slots of all units are meant, or those of some.
    reserve
        The one asked for; which slots are in it differs from one to the other.
    available
        As in the filter.
    taken
        Whether further days count as booked.
    """

    given: frozenset[str]
    published: bool
    everywhere: bool
    reserve: Reserve | None
    available: bool | None
    taken: bool


class Search(NamedTuple):
    """A search: the shape of its statement, and the values that it is run with."""

    shape: Shape
    values: Mapping[str, Any]


def search_of(
    directory: Directory, query: SlotNeeds, owner_id: UUID | None, day: date, *, taken: Sequence[Span] = ()
) -> Search:
    """Return a search.

    Parameters
    ----------
    owner_id
        Whose slots alone, in any status; None means all that are published.
    day
        Today.
    taken
        Days that count as booked beside those that are.
    """
    units = directory.meeting(query, owner_id)
    shape = Shape(
        frozenset(name for name in _OF_SLOTS if getattr(query, name, None) is not None),
        published=owner_id is None,
        everywhere=units is None and query.deliver_by is None,
        reserve=query.reserve,
        available=query.available if isinstance(query, SlotFilter) else None,
        taken=bool(taken),
    )
    values = {
        "status": getattr(query, "status", None),
        "today": day,
        "units": units,
        "days": Range(query.start, query.end, bounds="[)"),
        "window": Range(max(query.start or day, day), query.end, bounds="[)"),
        "least_days": query.min_days or 1,
        "deliver_by": query.deliver_by,
        "taken": [Range(one.start_on, one.end_on, bounds="[)") for one in taken],
    }
    if query.deliver_by is not None:
        chosen = [directory.units[unit].facts for unit in (directory.units if units is None else units)]
        values["units"] = [one.unit_id for one in chosen]
        values["batch_days"] = [one.first_batch_days + one.changeover_days for one in chosen]
        values["released_after"] = [_released_after(one, query.modality) for one in chosen]
    return Search(shape, values)


def _released_after(unit: UnitFacts, modality: str | None) -> int | None:
    """Return how many days after its start one batch of a unit can be delivered, or None where nothing tells."""
    lags = [one.release_days for name, one in unit.terms.items() if modality in {None, name}]
    return unit.first_batch_days + min(lags) if lags else None


@lru_cache(maxsize=1_000)
def search(shape: Shape) -> Select[Slot]:
    """Return the statement of a search, without order or limit."""
    statement = select(Slot)
    if "deliver_by" in shape.given:
        statement = statement.join(_PLACE, _PLACE.c.unit_id == col(Slot.unit_id))
    elif not shape.everywhere:
        statement = statement.where(col(Slot.unit_id) == func.any(_UNITS))
    if shape.published:
        statement = statement.where(col(Slot.status) == _PUBLISHED)
    if "status" in shape.given:
        statement = statement.where(col(Slot.status) == bindparam("status"))
    if "start" in shape.given or "end" in shape.given:
        days = bindparam("days", type_=DATERANGE)
        statement = statement.where(col(Slot.period).op("&&", is_comparison=True)(days))
    if shape.reserve is not None:
        statement = statement.where(in_reserves([shape.reserve], TODAY))
    return statement.where(*_fits(shape))


@lru_cache(maxsize=1_000)
def page_of(shape: Shape, *, further: bool) -> Prepared:
    """Return the statement of one page of a search, as `shown_of` has it.

    Its values are those of the search, `limit`, and with `further` what the page comes after: `after_on`, `after_id`.
    """
    key = (START, col(Slot.id))
    statement = search(shape).order_by(*key)
    if further:
        after = bindparam("after_on", type_=Date), bindparam("after_id", type_=Uuid)
        statement = statement.where(tuple_(*key) > tuple_(*after))
    return Prepared(shown_of(statement.limit(bindparam("limit", type_=Integer))))


async def slots_meeting(
    session: AsyncSession,
    query: SlotFilter,
    slot_ids: Collection[UUID],
    *,
    today: date,
    taken: Mapping[UUID, Sequence[Span]],
) -> set[UUID]:
    """Return those of these slots that the search shows to buyers, with further days counted as booked in some."""
    driver = await driver_of(session)
    found: set[UUID] = set()
    for days in {tuple(taken.get(slot_id, ())) for slot_id in slot_ids}:
        alike = [slot_id for slot_id in slot_ids if tuple(taken.get(slot_id, ())) == days]

        async def ask(directory: Directory, days: Sequence[Span], alike: list[UUID]) -> tuple[UUID | None, set[UUID]]:
            shape, values = search_of(directory, query, None, today, taken=days)
            met = (await session.execute(_meeting(shape), {**values, "slot_ids": alike})).all()
            return met[0].state if met else None, {one.id for one in met}

        found |= (await with_directory(driver, partial(ask, days=days, alike=alike)))[1]
    return found


@lru_cache(maxsize=1_000)
def _meeting(shape: Shape) -> Select[UUID, UUID | None]:
    among = col(Slot.id) == func.any(bindparam("slot_ids", type_=ARRAY(Uuid)))
    return search(shape).where(among).with_only_columns(col(Slot.id), STATE.label("state"))


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
        conditions += [
            last - first >= _PLACE.c.batch_days,
            first + _PLACE.c.released_after <= bindparam("deliver_by", type_=Date),
        ]
    return select(literal_column("1")).where(*conditions).correlate(Slot, _PLACE).exists()


def _usable(window: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what could be used of a slot, booked or not."""
    return free_part(col(Slot.period), col(Slot.divisible), window, NOTHING)


def _booked() -> ColumnElement[Any]:
    """Return the days that live bookings occupy in a slot."""
    occupied = occupied_days(array([col(Slot.id)]))
    return func.coalesce(select(occupied.c.days).correlate(Slot).scalar_subquery(), NOTHING)
