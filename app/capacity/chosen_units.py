"""The units whose slots a search looks at, with what it needs to know of each."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from pydantic_core import to_json

from app.capacity.supply import UnitFacts


class DaysNeeded(NamedTuple):
    """How many days one batch occupies, and how many days after its start it can be delivered."""

    occupied: int
    released_after: int


class ChosenUnits:
    """Some units, or all that there are.

    Parameters
    ----------
    needed
        By unit, what one batch needs there; None where no day of delivery is asked for.
    everywhere
        Whether these are all units.
    """

    def __init__(self, needed: Mapping[UUID, DaysNeeded | None], *, everywhere: bool) -> None:
        self.needed = needed
        self.everywhere = everywhere

    @cached_property
    def units(self) -> tuple[UUID, ...]:
        """The units themselves."""
        return tuple(self.needed)

    @cached_property
    def as_json(self) -> str:
        """What one batch needs, or null, by unit: an object in JSON."""
        return to_json({str(unit): one for unit, one in self.needed.items()}).decode()

    @cached_property
    def soonest_days(self) -> int | None:
        """The least number of days from a start to a delivery on any of them, if they are asked when they deliver."""
        return min((one.released_after for one in self.needed.values() if one), default=None)


def delivering(units: Iterable[UnitFacts], modality: str | None) -> ChosenUnits:
    """Return those of some units of which anything tells how long the release of a batch takes."""
    needed = {}
    for one in units:
        lags = [terms.release_days for name, terms in one.terms.items() if modality in {None, name}]
        if lags:
            occupied = one.first_batch_days + one.changeover_days
            needed[one.unit_id] = DaysNeeded(occupied, one.first_batch_days + min(lags))
    return ChosenUnits(needed, everywhere=False)
