"""From facts to the engine's problem, and back; the only module here that knows the engine, and never its solver."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from app.allocation.policy import RoundPolicy
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.matching.facts import RequestFacts
from app.matching.match import match, options
from app.matching.outcome import Option, Reason, ranked
from app.matching.policy import ROUND, MatchPolicy
from app.matching.slots import gaps
from scheduler import problem as engine
from scheduler.explanation.explanation import Explanation
from scheduler.objectives import plain_bound, value
from scheduler.plan import Choice, Plan, plan_of, solution_of
from scheduler.solution import Level, Solution
from scheduler.verify import violations

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Supply:
    """The capacity of a round: units, and the slots of each that are in its scope."""

    units: Mapping[UUID, UnitFacts]
    slots: Mapping[UUID, Sequence[SlotFacts]]

    def making(self, modality: str) -> Iterator[tuple[UnitFacts, Sequence[SlotFacts]]]:
        """Yield the units that make a modality, each with its slots."""
        for unit_id, unit in self.units.items():
            if modality in unit.modalities and self.slots.get(unit_id):
                yield unit, self.slots[unit_id]

    def without(self, days: Mapping[UUID, tuple[Span, ...]]) -> "Supply":
        """Return the same with more days busy, by slot."""
        slots = {
            unit_id: [replace(slot, busy=(*slot.busy, *days.get(slot.slot_id, ()))) for slot in listed]
            for unit_id, listed in self.slots.items()
        }
        return Supply(self.units, slots)


@dataclass(frozen=True, slots=True)
class Entry:
    """A request to be placed, with what its priority makes of it.

    Attributes
    ----------
    barred
        Days, by slot, that it shall not have, whoever else may.
    """

    request: RequestFacts
    tier: int
    weight: int
    barred: Mapping[UUID, tuple[Span, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Built:
    """A problem, and what the service needs beside it.

    Attributes
    ----------
    references
        `wanted_day`: by demand, the day it would have liked to start. `without_option`: by demand, the typed reasons
        of the line that comes nearest to serving it.
    """

    problem: engine.Problem
    references: Document

    @property
    def document(self) -> Document:
        """The problem file as JSON."""
        document: Document = json.loads(self.problem.to_json())
        return document


def match_policy(policy: RoundPolicy) -> MatchPolicy:
    """Return how strictly a round under this policy matches: only where feasible."""
    return replace(ROUND, lending_discount_percent=policy.lending_discount_percent)


def build_problem(
    entries: Sequence[Entry], supply: Supply, policy: RoundPolicy, as_of_on: date, horizon: Span | None = None
) -> Built:
    """Return the problem of a round: slots as windows on their units, and requests as demands with their options.

    Identifiers in the problem are those of the rows: a window is a slot, a line is a unit, a demand is a request, a
    party is an organisation. Day 0 is the date from which the round reasons.

    Parameters
    ----------
    entries
        In the order of submission, which is the order of "first come first served".
    supply
        At least one slot.
    horizon
        Campaigns start on a day of it; None sets no bound.
    """
    demands, reasons = [], {}
    matching = match_policy(policy)
    for entry in entries:
        found = entry_options(entry, supply, as_of_on, matching)
        offered = [option for one in found if (option := _option(one, as_of_on, horizon))]
        if not offered:
            reasons[str(entry.request.request_id)] = why_not(entry.request, supply, as_of_on, matching)
        demands.append(
            engine.Demand(
                id=str(entry.request.request_id),
                party=str(entry.request.organisation_id),
                tier=entry.tier,
                weight=entry.weight,
                options=tuple(offered),
            )
        )
    slots = [slot for listed in supply.slots.values() for slot in listed]
    problem = engine.Problem(
        origin=as_of_on,
        windows=tuple(_window(slot, as_of_on) for slot in slots),
        fixed=tuple(fixed for slot in slots for fixed in _busy(slot, as_of_on)),
        demands=tuple(demands),
        caps=engine.Caps(policy.per_party, policy.days_per_party),
        objectives=policy.objectives,
    )
    wanted = {str(one.request.request_id): (one.request.earliest_on - as_of_on).days for one in entries}
    return Built(problem, {"wanted_day": wanted, "without_option": reasons})


def options_of(request: RequestFacts, supply: Supply, as_of_on: date, policy: MatchPolicy) -> tuple[Option, ...]:
    """Return every option of a request over all units, best first, ranked together."""
    return ranked(
        option
        for unit, slots in supply.making(request.modality)
        for option in options(request, unit, slots, as_of_on, policy)
    )


def _window(slot: SlotFacts, origin: date) -> engine.Window:
    start, end = (slot.period.start_on - origin).days, (slot.period.end_on - origin).days
    return engine.Window(str(slot.slot_id), str(slot.unit_id), start, end, slot.reserve.value)


def _busy(slot: SlotFacts, origin: date) -> Iterator[engine.Fixed]:
    """Yield what is taken of a slot: all that is not free, so that what overlaps is merged."""
    free = [*gaps(slot.period, slot.busy), Span(slot.period.end_on, slot.period.end_on)]
    taken_from = slot.period.start_on
    for number, stretch in enumerate(free, start=1):
        if stretch.start_on > taken_from:
            start, end = (taken_from - origin).days, (stretch.start_on - origin).days
            yield engine.Fixed(f"{slot.slot_id}/{number}", str(slot.slot_id), start, end)
        taken_from = stretch.end_on


def entry_options(entry: Entry, supply: Supply, as_of_on: date, policy: MatchPolicy) -> tuple[Option, ...]:
    """Return every option of an entry; where days are barred to it alone, once for each stretch of starts."""
    if not entry.barred:
        return options_of(entry.request, supply, as_of_on, policy)
    found = options_of(entry.request, supply.without(entry.barred), as_of_on, policy)
    return tuple(replace(option, start_windows=(window,)) for option in found for window in option.start_windows)


def _option(option: Option, origin: date, horizon: Span | None) -> engine.Option | None:
    """Return an option as the engine takes it, or None if no start lies in the horizon."""
    earliest, latest = (option.earliest_start_on - origin).days, (option.latest_start_on - origin).days
    if horizon is not None:
        earliest = max(earliest, (horizon.start_on - origin).days)
        latest = min(latest, (horizon.end_on - origin).days - 1)
    if earliest > latest:
        return None
    return engine.Option(
        window=str(option.slot_id),
        duration=option.duration_days,
        earliest=earliest,
        latest=latest,
        rank=option.rank,
        cost=option.price.package_cents,
        lag=max(0, option.lag_days),
    )


def why_not(request: RequestFacts, supply: Supply, as_of_on: date, policy: MatchPolicy) -> list[Document]:
    """Return the reasons of the unit against which the fewest stand; none at all if nobody makes the modality."""
    nearest = (match(request, unit, slots, as_of_on, policy).nearest for unit, slots in supply.making(request.modality))
    fewest: tuple[Reason, ...] = min(nearest, key=len, default=())
    if not fewest:
        return [{"code": "modality" if not any(supply.making(request.modality)) else "horizon"}]
    return [
        {"code": reason.code.value, "asked": _plain(reason.asked), "offered": _plain(reason.offered)}
        for reason in fewest
    ]


def _plain(side: object) -> Any:
    if isinstance(side, date):
        return side.isoformat()
    return list(side) if isinstance(side, tuple) else side


def told(explanation: Document, names: Mapping[str, str | None], party: str | None) -> Document:
    """Return an explanation in sentences, with names in place of identifiers; a name that is None withholds it.

    Parameters
    ----------
    party
        The organisation that reads it, which sees of others no more than their weights; None for who may see all.
    """
    return Explanation.from_json(json.dumps(explanation)).document(names, party=party)


class PlanRefused(Exception):
    """A plan breaks rules of its problem; each is one line of text."""

    def __init__(self, rules: Sequence[str]) -> None:
        self.rules = tuple(rules)
        super().__init__("; ".join(rules))


def without(problem: Document, solution: Document, demand_id: str) -> Document:
    """Return the plan with one demand taken out.

    Raises
    ------
    PlanRefused
        If it is not placed.
    """
    stated, plan, before = _read(problem, solution)
    if demand_id not in plan.placed:
        raise PlanRefused([f"demand: {demand_id}: is not placed"])
    placed = {name: choice for name, choice in plan.placed.items() if name != demand_id}
    return _checked(stated, replace(plan, placed=placed), before)


def with_placed(problem: Document, solution: Document, demand_id: str, window: str, start: int) -> Document:
    """Return the plan with one demand put on a start day in a window, wherever it was before.

    Raises
    ------
    PlanRefused
        If the window is not among its options, or the checker finds a rule broken.
    """
    stated, plan, before = _read(problem, solution)
    offered = next((demand.options for demand in stated.demands if demand.id == demand_id), ())
    index = next((number for number, option in enumerate(offered) if option.window == window), None)
    if index is None:
        raise PlanRefused([f"option: {demand_id}: has none in window {window}"])
    return _checked(stated, replace(plan, placed={**plan.placed, demand_id: Choice(index, start)}), before)


def _read(problem: Document, solution: Document) -> tuple[engine.Problem, Plan, Solution]:
    read = Solution.from_json(json.dumps(solution))
    return engine.Problem.from_json(json.dumps(problem)), plan_of(read), read


def _checked(problem: engine.Problem, plan: Plan, before: Solution) -> Document:
    """Return a changed plan as a solution, passed by the checker.

    A bound holds for plans equal in the levels before it; after a change by hand only the first one still does.
    """
    levels = []
    for number, name in enumerate(problem.objectives):
        reached = value(problem, plan, name)
        bound = before.levels[0].bound if number == 0 else plain_bound(problem, name)
        levels.append(Level(name, reached, bound, reached == bound))
    status = "optimal" if all(level.proven for level in levels) else "feasible"
    made = solution_of(
        problem,
        plan,
        status=status,
        levels=tuple(levels),
        seconds=before.seconds,
        engine=f"{before.engine.removesuffix(', adjusted')}, adjusted",
        seed=before.seed,
    )
    if broken := violations(problem, made):
        raise PlanRefused([str(violation) for violation in broken])
    document: Document = json.loads(made.to_json())
    return document
