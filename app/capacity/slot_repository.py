"""What answers show of slots, beside what the directory tells of their units."""

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    FromClause,
    Label,
    Select,
    SelectBase,
    SQLColumnExpression,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATEMULTIRANGE, DATERANGE
from sqlmodel import col

from app.capacity.calendar_repository import first_day
from app.capacity.facts_repository import STATE
from app.capacity.models import AGREEMENT_CAPS, Slot
from app.capacity.release import effective_reserve
from app.core.driver import Prepared
from app.core.vocabulary import Reserve

START = first_day(col(Slot.period))
NOTHING = literal_column("'{}'::datemultirange", DATEMULTIRANGE)
TODAY = bindparam("today", type_=Date)


Condition: TypeAlias = Callable[[CTE, ColumnElement[Any]], ColumnElement[bool]]
"""On slots, and on what is booked of them."""


class ShownSlot(NamedTuple):
    """What answers show of a slot, with what its price follows from.

    Attributes
    ----------
    free
        The stretches that are, as the server writes a `datemultirange`.
    cap_cents
        The most that its agreement lets a batch cost, where that applies.
    state
        The name of the state of the catalogue.
    """

    start_on: date
    id: UUID
    end_on: date
    unit_id: UUID
    free: str
    version: int
    reserve: str
    effective_reserve: str
    releases_on: date | None
    lendable: bool
    recall_notice_days: int | None
    max_lent_days: int | None
    divisible: bool
    approval: str
    status: str
    origin: str
    agreement_id: UUID | None
    price_cents: int | None
    cap_cents: int | None
    cap_origin: str | None
    state: UUID | None


TERMS = slice(ShownSlot._fields.index("reserve"), ShownSlot._fields.index("origin") + 1)
"""What of it many slots share."""
TERM_NAMES = ShownSlot._fields[TERMS]


def columns_shown() -> list[Label[Any]]:
    """Return what is read of slots themselves to show them."""
    values: dict[str, SQLColumnExpression[Any]] = {
        "start_on": START,
        "end_on": func.upper(col(Slot.period), type_=Date),
        "period": col(Slot.period),
        "effective_reserve": effective_reserve(TODAY),
        **{name: col(getattr(Slot, name)) for name in ShownSlot._fields if name in Slot.model_fields},
    }
    return [value.label(name) for name, value in values.items()]


def shown_of(slots: CTE, met: Condition | None = None) -> Select[Any]:
    """Return the statement of what is shown of slots: a `ShownSlot` each, by first day.

    Parameters
    ----------
    slots
        With `columns_shown`.
    met
        Gives the condition on slots, and on what is booked of them, under which they are shown; None shows all.
    """
    occupied = occupied_days(select(func.array_agg(slots.c.id, type_=ARRAY(Uuid))).scalar_subquery())
    booked = func.coalesce(occupied.c.days, NOTHING)
    from_today = func.daterange(TODAY, None, type_=DATERANGE)
    further: dict[str, SQLColumnExpression[Any]] = {
        "free": cast(free_part(slots.c.period, slots.c.divisible, from_today, booked), Text),
        "cap_cents": case((slots.c.effective_reserve == Reserve.STARTUP, AGREEMENT_CAPS.c.capped_price_cents)),
        "cap_origin": AGREEMENT_CAPS.c.origin,
        "state": STATE,
    }
    shown = (
        select(*(further[name].label(name) if name in further else slots.c[name] for name in ShownSlot._fields))
        .select_from(slots)
        .outerjoin(AGREEMENT_CAPS, AGREEMENT_CAPS.c.id == slots.c.agreement_id)
        .outerjoin(occupied, occupied.c.slot_id == slots.c.id)
        .order_by(slots.c.start_on, slots.c.id)
    )
    return shown if met is None else shown.where(met(slots, booked))


def occupied_days(slot_ids: ColumnElement[Any]) -> FromClause:
    """Return the days that live bookings occupy in slots, by slot; one that is free is left out."""
    columns = column("slot_id", Uuid), column("days", DATEMULTIRANGE)
    return func.slot_occupancy(slot_ids).table_valued(*columns).alias("occupied")


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


def _multirange(span: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    return func.datemultirange(span, type_=DATEMULTIRANGE)


def materialized(slots: SelectBase, name: str) -> CTE:
    """Return a statement as one that is run once, whatever is asked of its rows."""
    return slots.cte(name).prefix_with("MATERIALIZED")


_NAMED = select(*columns_shown()).where(col(Slot.id) == func.any(bindparam("slot_ids", type_=ARRAY(Uuid))))
SHOWN = Prepared(shown_of(materialized(_NAMED, "named")))
"""The statement of the slots with these `slot_ids`."""
