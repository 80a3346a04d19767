"""Options that a request would have if one thing were changed: for the nearest change at nobody's expense. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.allocation.planner import Supply, options_of
from app.capacity.supply import Span
from app.core.vocabulary import GmpPhase
from app.matching.campaign import shift
from app.matching.facts import RequestFacts
from app.matching.outcome import Option
from app.matching.policy import MatchPolicy

MOST_EXTRA_DAYS = 365
PHASES = tuple(GmpPhase)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request without a place, and where it is looked for: campaigns start on a day of the horizon."""

    request: RequestFacts
    supply: Supply
    policy: MatchPolicy
    horizon: Span


def relaxed_options(wanted: Wanted, problem: Document, solution: Document) -> list[Document]:
    """Return the options that more days, money, another volume or another phase would each give, with how much.

    All their starts are free in the plan: the slots are those of the problem, occupied as the plan has them, whatever
    has become of them since.
    """
    supply = _as_planned(wanted.supply, problem, solution)
    search = _Search(replace(wanted, supply=supply), date.fromisoformat(problem["origin"]))
    return [*search.days(), *search.money(), *search.volume(), *search.phase()]


def _as_planned(supply: Supply, problem: Document, solution: Document) -> Supply:
    origin, busy = date.fromisoformat(problem["origin"]), defaultdict[UUID, list[Span]](list)
    for item in (*problem.get("fixed", ()), *solution.get("placed", ())):
        span = Span(origin + timedelta(days=item["start"]), origin + timedelta(days=item["end"]))
        busy[UUID(item["window"])].append(span)
    windows = {UUID(window["id"]) for window in problem["windows"]}
    return replace(
        supply,
        slots={
            unit: [replace(slot, busy=tuple(busy[slot.slot_id])) for slot in slots if slot.slot_id in windows]
            for unit, slots in supply.slots.items()
        },
    )


@dataclass(frozen=True, slots=True)
class _Search:
    """One request, changed in one way after the other."""

    wanted: Wanted
    as_of_on: date

    def _options(self, **changes: Any) -> tuple[Option, ...]:
        wanted = self.wanted
        return options_of(replace(wanted.request, **changes), wanted.supply, self.as_of_on, wanted.policy)

    def _starts(self, option: Option) -> Iterator[tuple[date, date]]:
        """Yield the first and last day of each stretch of free starts in the horizon."""
        for window in option.start_windows:
            first = max(window.first_on, self.wanted.horizon.start_on)
            last = min(window.last_on, shift(self.wanted.horizon.end_on, -1))
            if first <= last:
                yield first, last

    def days(self) -> Iterator[Document]:
        """Yield for each slot the first start, where delivery is then later than asked."""
        asked = self.wanted.request.latest_delivery_on
        for option in self._options(latest_delivery_on=shift(asked, MOST_EXTRA_DAYS)):
            for first, _ in self._starts(option):
                late = (option.delivery_on + (first - option.earliest_start_on) - asked).days
                if late > 0:
                    yield self._given(option, (first, first), "days", late, "day")
                break

    def money(self) -> Iterator[Document]:
        """Yield what costs more than the budget."""
        budget = self.wanted.request.budget_cents
        if budget is not None:
            for option in self._options(budget_cents=None):
                yield from self._wherever(option, "money", option.price.package_cents - budget, "cent")

    def volume(self) -> Iterator[Document]:
        """Yield what is made at a larger or a smaller scale than asked."""
        low, high = self.wanted.request.volume_min_l, self.wanted.request.volume_max_l
        if low is None and high is None:
            return
        for option in self._options(volume_min_l=None, volume_max_l=None):
            offered = self.wanted.supply.units[option.unit_id].working_volume_l
            if offered is not None:
                beyond = max(0 if low is None else low - offered, 0 if high is None else offered - high)
                yield from self._wherever(option, "volume", beyond, "L")

    def phase(self) -> Iterator[Document]:
        """Yield what is made for another phase, by how many phases it is away."""
        asked = PHASES.index(self.wanted.request.gmp_phase)
        for position, phase in enumerate(PHASES):
            if position != asked:
                for option in self._options(gmp_phase=phase):
                    yield from self._wherever(option, "phase", abs(position - asked), "phase")

    def _wherever(self, option: Option, kind: str, amount: float, unit: str) -> Iterator[Document]:
        if amount > 0:
            for starts in self._starts(option):
                yield self._given(option, starts, kind, amount, unit)

    def _given(self, option: Option, starts: tuple[date, date], kind: str, amount: float, unit: str) -> Document:
        earliest, latest = ((day - self.as_of_on).days for day in starts)
        return {
            "option": {
                "window": str(option.slot_id),
                "duration": option.duration_days,
                "earliest": earliest,
                "latest": latest,
                "rank": option.rank,
                "cost": option.price.package_cents,
                "lag": max(0, option.lag_days),
            },
            "change": {"kind": kind, "amount": amount, "unit": unit},
        }
