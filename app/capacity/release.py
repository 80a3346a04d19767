"""Which reserve's rules a slot is under on a day, in SQL: what `rules.effective_reserve` says of one slot."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import col

from app.capacity.models import Slot
from app.core.vocabulary import Reserve


def released(day: date) -> ColumnElement[bool]:
    """Return whether a slot of the start-up reserve has fallen to the open market: from `releases_on`, itself included.

    What has been booked before stays as it was booked; what is not counts as open.
    """
    due = func.coalesce(col(Slot.releases_on) <= day, False)
    return and_(col(Slot.reserve) == Reserve.STARTUP, due)


def in_reserves(reserves: Collection[Reserve], day: date) -> ColumnElement[bool]:
    """Return whether a slot is under the rules of one of these reserves on a day."""
    named = col(Slot.reserve).in_(reserves)
    if Reserve.OPEN in reserves:
        return or_(named, released(day))
    return and_(named, ~released(day))
