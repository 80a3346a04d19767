"""The least changes that give a demand a place while everyone else keeps theirs, each checked in the plan as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from scheduler.explanation.difference import stands
from scheduler.explanation.places import Occupancy, ceilings_over
from scheduler.explanation.statements import Nearest
from scheduler.fields import FieldError
from scheduler.plan import Choice
from scheduler.problem import Demand, Option


@dataclass(frozen=True, slots=True)
class TypedChange:
    """What would have to be accepted, or granted.

    The kinds found here are ``later`` and ``earlier`` (days), ``money`` (cents) and ``limit`` (the unit is the limited
    objective); others, such as ``days``, ``volume`` and ``phase``, come with the options that they would give.
    """

    kind: str
    amount: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Relaxed:
    """An option that the demand does not have, and the change that would give it."""

    option: Option
    change: TypedChange


@dataclass(frozen=True, slots=True)
class _Place:
    """A place for the demand, as an option at an index and a start, and the limit to raise, if any."""

    change: TypedChange
    index: int
    option: Option
    start: int
    limits: Mapping[str, int]


class Relaxing:
    """The search for the nearest changes for one demand without a place.

    Raises
    ------
    FieldError
        A relaxed option is in a window that the problem does not have.
    """

    def __init__(self, occupancy: Occupancy, demand: Demand, relaxed: Sequence[Relaxed]) -> None:
        self.occupancy, self.demand, self.relaxed = occupancy, demand, relaxed
        for position, one in enumerate(relaxed):
            if one.option.window not in occupancy.calendar.spans:
                raise FieldError(f"relaxed[{position}].option.window", f"no window {one.option.window!r}")

    def nearest(self) -> Iterator[Nearest]:
        """Yield the least change of each kind that suffices alone; none if none does, or none is needed."""
        places = [*self._other_days(), *self._other_limits(), *self._other_options()]
        places.sort(key=lambda place: (place.change.kind, place.change.unit, place.change.amount))
        for _, of_kind in groupby(places, key=lambda place: (place.change.kind, place.change.unit)):
            least = next((place for place in of_kind if self._suffices(place)), None)
            if least is not None:
                yield _stated(least)

    def _other_days(self) -> Iterator[_Place]:
        """Yield the free starts outside the option's days, in its window, nearest to them."""
        for index, option in enumerate(self.demand.options):
            for start, end in self.occupancy.free_stretches(option.window):
                last = end - option.duration
                before, after = min(last, option.earliest - 1), max(start, option.latest + 1)
                # An earlier start may bring less delay, so that under a limit on it not only the nearest counts.
                first = start if "delay" in self.occupancy.problem.limits else max(start, before)
                for day in range(first, before + 1):
                    change = TypedChange("earlier", option.earliest - day, "day")
                    yield _Place(change, index, replace(option, earliest=day), day, {})
                if after <= last:
                    change = TypedChange("later", after - option.latest, "day")
                    yield _Place(change, index, replace(option, latest=after), after, {})

    def _other_limits(self) -> Iterator[_Place]:
        """Yield the places that a limit alone forbids."""
        problem = self.occupancy.problem
        for index, option in enumerate(self.demand.options):
            start = self.occupancy.calendar.first_start(option)
            if start is None:
                continue
            over = ceilings_over(problem, self.demand, self.occupancy.with_placed(self.demand, Choice(index, start)))
            if len(over) == 1 and over[0].name in problem.limits:
                name, reached, most = over[0].name, over[0].reached or 0, over[0].most or 0
                money = name == "cost"
                change = TypedChange("money" if money else "limit", reached - most, "cent" if money else name)
                yield _Place(change, index, option, start, {name: reached})

    def _other_options(self) -> Iterator[_Place]:
        """Yield the earliest free place of each relaxed option."""
        for one in self.relaxed:
            start = self.occupancy.calendar.first_start(one.option)
            if start is not None:
                yield _Place(one.change, len(self.demand.options), one.option, start, {})

    def _suffices(self, place: _Place) -> bool:
        """Ask the checker about the plan with the demand there, in the problem that allows it."""
        problem, options = self.occupancy.problem, list(self.demand.options)
        options[place.index : place.index + 1] = [place.option]
        wider = replace(self.demand, options=tuple(options))
        allowing = replace(
            problem,
            demands=tuple(wider if one is self.demand else one for one in problem.demands),
            limits={**problem.limits, **place.limits},
        )
        return stands(allowing, self.occupancy.with_placed(self.demand, Choice(place.index, place.start)))


def _stated(place: _Place) -> Nearest:
    change, end = place.change, place.start + place.option.duration
    return Nearest(change.kind, change.amount, change.unit, place.option.window, place.start, end)
