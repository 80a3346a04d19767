"""What a search for slots comes to: the shape of its statement, and the values that this is run with."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range

from app.capacity.chosen_units import ChosenUnits
from app.capacity.directory import Directory
from app.capacity.schemas import SlotFilter, SlotNeeds
from app.capacity.supply import Span
from app.core.vocabulary import Reserve

FEW_UNITS = 10
"""The slots of so many units are found by unit; those of more by day, each unit looked up among those asked for.

With N units of s slots, n of which are asked for, a page of 51 reads n·s rows by unit and about 51·N/n by day: at a
country's 600 units and 200 slots that is the same at twelve. PostgreSQL, too, takes an array it does not know for ten.
"""


class Among(Enum):
    """Of which units the slots are."""

    ALL = "all"
    FEW = "few"
    MANY = "many"


class Shape(NamedTuple):
    """What the statement of a search depends on: which filters are given, not with what.

    Attributes
    ----------
    given
        The names of the filters on stretches, and on the status, that have a value.
    published
        Whether only published slots are meant, or those of any status.
    among
        Of which units.
    begins, ends
        Whether slots that are over before a day do not count, and those that begin on or after one.
    further
        Whether it goes on after a slot.
    reserve
        The one asked for; which slots are in it differs from one to the other.
    available
        As in the filter.
    taken
        Whether further days count as booked.
    """

    given: frozenset[str]
    published: bool
    among: Among
    begins: bool
    ends: bool
    further: bool
    reserve: Reserve | None
    available: bool | None
    taken: bool


class Search(NamedTuple):
    """A search: the shape of its statement, and the values that it is run with."""

    shape: Shape
    values: Mapping[str, Any]


def search_of(
    directory: Directory,
    query: SlotNeeds,
    owner_id: UUID | None,
    day: date,
    *,
    after: tuple[date, UUID] | None = None,
    taken: Sequence[Span] = (),
) -> Search:
    """Return a search.

    Parameters
    ----------
    owner_id
        Whose slots alone, in any status; None means all that are published.
    day
        Today.
    after
        The first day and the id of the slot that it goes on after.
    taken
        Days that count as booked beside those that are.
    """
    chosen = directory.meeting(query, owner_id)
    available = query.available if isinstance(query, SlotFilter) else None
    begin, end = _bounds(query, day, stretches=bool(available), soonest_days=chosen.soonest_days)
    if begin is not None and after is not None and after[0] >= begin:
        begin = None
    shape = Shape(
        frozenset(name for name in ("deliver_by", "min_days", "status") if getattr(query, name, None) is not None),
        published=owner_id is None,
        among=_among(chosen, published=owner_id is None),
        begins=begin is not None,
        ends=end is not None,
        further=after is not None,
        reserve=query.reserve,
        available=available,
        taken=bool(taken),
    )
    values = {
        "status": getattr(query, "status", None),
        "today": day,
        "units": chosen.units,
        "needed": chosen.as_json,
        "begin": begin,
        "end": end,
        "after_on": after and after[0],
        "after_id": after and after[1],
        "window": _days(max(query.start or day, day), query.end),
        "least_days": query.min_days or 1,
        "deliver_by": query.deliver_by,
        "taken": [_days(*one) for one in taken],
    }
    return Search(shape, values)


def _days(first: date, end: date | None) -> Range[date]:
    """Return the days [first, end), none if the end has passed by then."""
    return Range(empty=True) if end is not None and end <= first else Range(first, end, bounds="[)")


def _among(chosen: ChosenUnits, *, published: bool) -> Among:
    if chosen.everywhere:
        return Among.ALL
    return Among.MANY if published and len(chosen.units) > FEW_UNITS else Among.FEW


def _bounds(
    query: SlotNeeds, day: date, *, stretches: bool, soonest_days: int | None
) -> tuple[date | None, date | None]:
    """Return the day before which no slot may be over, and the one on or after which none may begin.

    Parameters
    ----------
    stretches
        Whether a free stretch is asked for; as other needs of the usable part, it lies on today or later.
    """
    begin, end = query.start, query.end
    if stretches or query.min_days is not None or query.deliver_by is not None:
        begin = max(begin or day, day)
    if query.deliver_by is not None and soonest_days is not None:
        too_late = query.deliver_by - timedelta(days=soonest_days - 1)
        end = min(end or too_late, too_late)
    return begin, end
