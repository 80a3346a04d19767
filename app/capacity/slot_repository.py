"""What answers show of slots, as the database writes it: all of them in one row, as JSON."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    Label,
    Select,
    SQLColumnExpression,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    distinct,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATEMULTIRANGE, DATERANGE, aggregate_order_by
from sqlmodel import col

from app.capacity.calendar_repository import first_day
from app.capacity.models import Agreement, Slot, SlotStatus
from app.capacity.release import effective_reserve
from app.capacity.schemas import SlotRead
from app.capacity.search_repository import FROM_TODAY, NOTHING, TODAY, free_part
from app.catalogue.models import LineModality, ProductionLine, Site, Unit
from app.core.driver import Prepared
from app.core.vocabulary import Reserve
from app.identity.models import Organisation

BETWEEN = "\x1e"
"""What stands between the JSON of two slots: JSON itself never holds it unescaped."""

_SLOT_FIELDS = sorted((SlotRead.model_fields.keys() & Slot.model_fields.keys()) - {"price_cents"})
_STORED: Mapping[str, SQLColumnExpression[Any]] = {
    **{name: col(getattr(Slot, name)) for name in _SLOT_FIELDS},
    "unit_name": col(Unit.name),
    "line_id": col(ProductionLine.id),
    "line_name": col(ProductionLine.name),
    "site_id": col(Site.id),
    "site_name": col(Site.name),
    "organisation_id": col(Site.organisation_id),
    "region": col(Site.region),
    "country": col(Site.country),
    "effective_reserve": effective_reserve(TODAY),
}
"""What is shown as it is stored, under the names of `SlotRead`."""
_NEEDED: Mapping[str, SQLColumnExpression[Any]] = {
    "period": col(Slot.period),
    "price_cents": col(Slot.price_cents),
    "modalities": col(ProductionLine.modalities),
}


def _shown() -> Select[str, str]:
    """Return the statement of what is shown of slots, and of what their prices follow from, as JSON in one row.

    The grounds of prices are, in this order: the slot's own price and its origin, the agreement's cap where it
    applies, its origin, and of each modality what the line takes for it.
    """
    columns: list[Label[Any]] = [value.label(name) for name, value in {**_STORED, **_NEEDED}.items()]
    page = (
        select(*columns)
        .join(Unit, col(Unit.id) == col(Slot.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(col(Slot.id) == func.any(bindparam("slot_ids", type_=ARRAY(Uuid))))
        .where(or_(~bindparam("published", type_=Boolean), col(Slot.status) == SlotStatus.PUBLISHED))
        .cte("page")
        .prefix_with("MATERIALIZED")
    )
    occupied, offers = _occupied(page), _offers(page)
    free = free_part(page.c.period, page.c.divisible, FROM_TODAY, func.coalesce(occupied.c.days, NOTHING))
    start = first_day(page.c.period)
    shown: dict[str, SQLColumnExpression[Any]] = {
        **{name: page.c[name] for name in _STORED},
        "organisation_name": col(Organisation.name),
        "start": start,
        "end": func.upper(page.c.period),
        "free": _spans(free),
    }
    grounds = func.json_build_array(
        page.c.price_cents,
        page.c.origin,
        case((page.c.effective_reserve == Reserve.STARTUP, col(Agreement.capped_price_cents))),
        col(Agreement.origin),
        offers.c.offers,
    )
    order = (start, page.c.id)
    return (
        select(_joined(_object(shown), *order).label("shown"), _joined(grounds, *order).label("grounds"))
        .select_from(page)
        .join(Organisation, col(Organisation.id) == page.c.organisation_id)
        .outerjoin(Agreement, col(Agreement.id) == page.c.agreement_id)
        .outerjoin(occupied, occupied.c.slot_id == page.c.id)
        .outerjoin(offers, offers.c.line_id == page.c.line_id)
    )


def _joined(json: ColumnElement[Any], *order: ColumnElement[Any]) -> ColumnElement[str]:
    """Return JSON of all rows as one text: the driver takes longer to read fifty values than what is in them."""
    return func.string_agg(cast(json, Text), aggregate_order_by(literal_column(f"chr({ord(BETWEEN)})"), *order))


def _occupied(page: FromClause) -> FromClause:
    """Return the days that live bookings occupy in each slot of a page."""
    units = select(func.array_agg(distinct(page.c.unit_id), type_=ARRAY(Uuid))).scalar_subquery()
    booked = (
        func.unit_occupancy(units).table_valued(column("slot_id", Uuid), column("period", DATERANGE)).alias("booked")
    )
    return (
        select(booked.c.slot_id, func.range_agg(booked.c.period, type_=DATEMULTIRANGE).label("days"))
        .group_by(booked.c.slot_id)
        .cte("occupied")
        .prefix_with("MATERIALIZED")
    )


def _offers(page: FromClause) -> FromClause:
    """Return what each line of a page takes for a batch of what it makes, as JSON: modality, cents, basis."""
    one: ColumnElement[Any] = func.json_build_array(
        col(LineModality.modality), col(LineModality.price_cents), col(LineModality.basis)
    )
    offers = func.json_agg(aggregate_order_by(one, col(LineModality.modality)))
    lines = select(page.c.line_id, page.c.modalities).distinct().subquery()
    return (
        select(lines.c.line_id, offers.label("offers"))
        .join(LineModality, col(LineModality.line_id) == lines.c.line_id)
        .where(col(LineModality.modality) == func.any(lines.c.modalities))
        .group_by(lines.c.line_id)
        .cte("offers")
        .prefix_with("MATERIALIZED")
    )


def _spans(stretches: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the stretches of a multirange as a JSON list."""
    one: ColumnElement[Any] = func.unnest(stretches, type_=DATERANGE).column_valued("stretch")
    span = _object({"start": func.lower(one), "end": func.upper(one)})
    return func.coalesce(select(func.json_agg(span)).scalar_subquery(), func.json_build_array())


def _object(members: Mapping[str, SQLColumnExpression[Any]]) -> ColumnElement[Any]:
    """Return a JSON object of these members."""
    return func.json_build_object(
        *(part for name, value in members.items() for part in (literal_column(f"'{name}'"), value))
    )


SHOWN = Prepared(_shown())
"""The statement of the slots with these `slot_ids`, by first day; with `published`, of those that are."""
