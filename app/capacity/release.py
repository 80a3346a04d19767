"""Which reserve's rules a slot is under on a day, in SQL: what `rules.effective_reserve` says of one slot."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import ColumnElement, and_, case, false, func, literal_column, or_
from sqlmodel import col

from app.capacity.models import Slot
from app.core.vocabulary import Reserve


def released(day: date | ColumnElement[date]) -> ColumnElement[bool]:
    """Return whether a slot of the start-up reserve has fallen to the open market: from `releases_on`, itself included.

    What has been booked before stays as it was booked; what is not counts as open.
    """
    due = func.coalesce(col(Slot.releases_on) <= day, False)
    return and_(col(Slot.reserve) == Reserve.STARTUP, due)


def effective_reserve(day: date | ColumnElement[date]) -> ColumnElement[str]:
    """Return whose rules a slot is under on a day."""
    return case((released(day), literal_column(f"'{Reserve.OPEN.value}'")), else_=col(Slot.reserve))


def in_reserves(reserves: Collection[Reserve], day: date | ColumnElement[date]) -> ColumnElement[bool]:
    """Return whether a slot is under the rules of one of these reserves on a day."""
    named = or_(false(), *(col(Slot.reserve) == one for one in reserves))
    if Reserve.OPEN in reserves:
        return or_(named, released(day))
    return and_(named, ~released(day))
