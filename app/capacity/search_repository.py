"""The search for slots in SQL: one statement for each shape of search, made once, since making it costs more than it.

What is asked of units the directory answers: the statement is one of slots alone. PostgreSQL makes its plan before it
knows the values, from the sixth time on. So nothing is left to it that only they tell: slots under way on the first day
asked for are found by the days they hold, those after it by their first day; and a unit is looked up among many by its
name, where an array of unknown length would be read through for each slot.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    CompoundSelect,
    Date,
    Dialect,
    FromClause,
    Integer,
    Select,
    SQLColumnExpression,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    inspect,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATEMULTIRANGE, DATERANGE, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.visitors import replacement_traverse
from sqlmodel import col

from app.capacity.directory import Directory, with_directory
from app.capacity.facts_repository import STATE
from app.capacity.models import SEEN_SLOTS, Slot, SlotStatus
from app.capacity.release import in_reserves
from app.capacity.schemas import SlotFilter
from app.capacity.search_rules import Among, Shape, search_of
from app.capacity.slot_repository import (
    NOTHING,
    START,
    TODAY,
    Condition,
    columns_shown,
    free_part,
    materialized,
    shown_of,
)
from app.capacity.supply import Span
from app.core.driver import Prepared, driver_of

Keys: TypeAlias = Select[date, UUID]
"""The first day and the id of each slot found."""


class Written(JSONB):
    """JSON that has been written already."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Pass it on as it is."""


_PUBLISHED: ColumnElement[str] = literal_column(f"'{SlotStatus.PUBLISHED.value}'")
"""As a constant: the index of published slots serves no plan that is made before the status is known."""
_WINDOW = bindparam("window", type_=DATERANGE)
_BEGIN = bindparam("begin", type_=Date)
_END = bindparam("end", type_=Date)
_EXAMINED = bindparam("examined", type_=Integer)
_NEEDED = bindparam("needed", type_=Written())
"""By unit, as text: what one batch needs there, or null."""
_UNITS = bindparam("units", type_=ARRAY(Uuid))
_KEY = START.label("start_on"), col(Slot.id)
_NOT_OVER = func.upper(col(Slot.period), type_=Date) > _BEGIN


def _needed_on(unit_id: SQLColumnExpression[UUID]) -> ColumnElement[Any]:
    """Return what one batch needs on a unit, as JSON; NULL where the unit is none of those asked for."""
    return _NEEDED.op("->", return_type=JSONB())(cast(unit_id, Text))


_AMONG_ASKED = _needed_on(col(Slot.unit_id)).is_not(None)


@lru_cache(maxsize=1_000)
def page_of(shape: Shape) -> Prepared:
    """Return the statement of one page of a search: a `ShownSlot` each, by first day.

    Its values are those of the search, and `examined`: how many slots are read, in that order. Where what is free is
    asked for, it also has a `limit`, and tells in `reached_on` and `reached_id` how far it read if there may be more;
    if none of those read met the search, that is all its only row tells.
    """
    candidates = _candidates(shape)
    shown = shown_of(candidates, _met(shape))
    if shape.available is None:
        return Prepared(_seen(shown))
    met = shown.limit(bindparam("limit", type_=Integer)).cte("met")
    last = (
        select(candidates.c.start_on.label("reached_on"), candidates.c.id.label("reached_id"))
        .order_by(candidates.c.start_on, candidates.c.id)
        .offset(_EXAMINED - 1)
        .limit(1)
        .cte("last")
    )
    columns = [STATE.label(name) if name == "state" else one for name, one in met.c.items()]
    page: Select[Any] = select(*columns, *last.c).select_from(met.outerjoin(last, true(), full=True))
    return Prepared(_seen(page.order_by(met.c.start_on, met.c.id)))


def _seen(statement: Select[Any]) -> Select[Any]:
    """Return a statement that reads, in place of all slots, those that the acting organisation may see."""
    slots = inspect(Slot).local_table

    def replaced(element: Any, **_: Any) -> Any:
        if element is slots:
            return SEEN_SLOTS
        return SEEN_SLOTS.c[element.key] if isinstance(element, Column) and element.table is slots else None

    found = replacement_traverse(statement, {}, replaced)
    assert isinstance(found, Select)  # noqa: S101 - as what was given
    return found


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
def _meeting(shape: Shape) -> Select[Any]:
    """Return the statement of those `slot_ids` that meet a search: a `ShownSlot` each."""
    found = select(*_KEY).where(col(Slot.id) == func.any(bindparam("slot_ids", type_=ARRAY(Uuid))), *_asked(shape))
    if shape.among is Among.FEW:
        found = found.where(col(Slot.unit_id) == func.any(_UNITS))
    elif shape.among is Among.MANY:
        found = found.where(_AMONG_ASKED)
    if shape.begins:
        found = found.where(_NOT_OVER)
    return shown_of(_by_key(found), _met(shape))


def _candidates(shape: Shape) -> CTE:
    """Return the first slots, by first day, that meet all that is asked of a slot but what is free of it."""
    return _by_key(_by_unit(shape) if shape.among is Among.FEW else _by_day(shape))


def _by_key(found: Keys | CompoundSelect[date, UUID]) -> CTE:
    """Return all that is shown of slots of which the key was found: until then an index has what there is to carry.

    One by one, since how many there are is not known to the plan.
    """
    keys = found.subquery("keys")
    slot = select(*columns_shown()).where(col(Slot.id) == keys.c.id).limit(1).lateral("slot")
    return materialized(select(slot).select_from(keys.join(slot, true())), "candidates")


def _by_unit(shape: Shape) -> Keys:
    """Return the first keys of all units asked for, out of the first of each."""
    unit = func.unnest(_UNITS).table_valued(column("unit_id", Uuid)).render_derived("unit")
    conditions = [*_asked(shape), *_further(shape), *([_NOT_OVER] if shape.begins else [])]
    of_unit = _first(select(*_KEY).where(col(Slot.unit_id) == unit.c.unit_id, *conditions)).lateral("of_unit")
    return _first(select(of_unit.c.start_on, of_unit.c.id).select_from(unit.join(of_unit, true())))


def _by_day(shape: Shape) -> Keys | CompoundSelect[date, UUID]:
    """Return the first keys, out of those of slots under way on the first day asked for and of those after it."""
    found = select(*_KEY).where(*_asked(shape))
    if shape.among is Among.MANY:
        found = found.where(_AMONG_ASKED)
    further = found.where(*_further(shape))
    if not shape.begins:
        return _first(further)
    # Found first and ordered then: else the plan reads all that began before, in order, for the few that it guesses at.
    held = materialized(further.where(col(Slot.period).contains(_BEGIN), START < _BEGIN), "under_way")
    under_way = select(held.c.start_on, held.c.id)
    both = union_all(_first(under_way), _first(found.where(START >= _BEGIN)))
    return both.order_by(both.selected_columns.start_on, both.selected_columns.id).limit(_EXAMINED)


def _first(found: Keys) -> Keys:
    return found.order_by(*found.selected_columns).limit(_EXAMINED)


def _further(shape: Shape) -> Iterator[ColumnElement[bool]]:
    """Yield the condition on slots after the one that the search goes on after."""
    if shape.further:
        yield tuple_(START, col(Slot.id)) > tuple_(bindparam("after_on", type_=Date), bindparam("after_id", type_=Uuid))


def _asked(shape: Shape) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on slots, but those on their unit, on when they end, and on what is free."""
    if shape.published:
        yield col(Slot.status) == _PUBLISHED
    if "status" in shape.given:
        yield col(Slot.status) == bindparam("status")
    if shape.ends:
        yield START < _END
    if shape.reserve is not None:
        yield in_reserves([shape.reserve], TODAY)
    if not shape.available and not shape.given.isdisjoint({"min_days", "deliver_by"}):
        yield _has_stretch(shape, inspect(Slot).local_table, NOTHING)


def _met(shape: Shape) -> Condition | None:
    """Return the condition on what is free of slots, where there is one."""
    return None if shape.available is None else partial(_free_enough, shape)


def _free_enough(shape: Shape, slots: FromClause, booked: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether what is free of slots has a stretch as asked for, or has none where those are meant."""
    if shape.taken:
        booked = booked.op("+", return_type=DATEMULTIRANGE())(bindparam("taken", type_=DATEMULTIRANGE))
    enough = _has_stretch(shape, slots, booked)
    return enough if shape.available else ~enough


def _has_stretch(shape: Shape, slots: FromClause, booked: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a usable stretch of slots is long enough, and lets one batch be delivered in time."""
    usable = free_part(slots.c.period, slots.c.divisible, _WINDOW, booked)
    stretch: ColumnElement[Any] = func.unnest(usable, type_=DATERANGE).column_valued("stretch")
    first, last = func.lower(stretch, type_=Date), func.upper(stretch, type_=Date)
    conditions: list[ColumnElement[bool]] = [last - first >= bindparam("least_days", type_=Integer)]
    if "deliver_by" in shape.given:
        occupied, released_after = (_needed_on(slots.c.unit_id)[number].as_integer() for number in range(2))
        conditions += [
            last - first >= occupied,
            first + released_after <= bindparam("deliver_by", type_=Date),
        ]
    return select(literal_column("1")).where(*conditions).correlate(slots).exists()
