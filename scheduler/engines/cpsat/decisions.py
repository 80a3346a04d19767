"""Decisions made: an optional interval for every option, kept booking and possible campaign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from scheduler.engines.cpsat.variables import Key, Slot, Variables
from scheduler.engines.starts import Domain, Kind, Starts
from scheduler.plan import Plan, keeps
from scheduler.problem import Demand, Movable, Option, Problem, Surge, SurgeOption


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The windows that are open to change, and the plan that holds outside them; None opens them all."""

    plan: Plan
    windows: frozenset[str] | None

    @property
    def is_whole(self) -> bool:
        """Whether every window is open."""
        return self.windows is None

    def is_open(self, window: str) -> bool:
        """Say whether the window may change."""
        return self.windows is None or window in self.windows


WHOLE = Neighbourhood(Plan(), None)


def create_variables(problem: Problem, near: Neighbourhood = WHOLE, domain: Domain | None = None) -> Variables:
    """Return a model with the problem's decisions and no constraint between them.

    Outside a neighbourhood everything stays as in its plan; nothing starts but on the days of the domain.
    """
    maker = _Maker(problem, near, domain or Domain(problem))
    for d, demand in enumerate(problem.demands):
        maker.make_placements(d, demand)
    for b, booking in enumerate(problem.movable):
        maker.make_fates(b, booking)
    if "surge_output" in problem.objectives:
        for s, surge in enumerate(problem.surges):
            maker.make_campaigns(s, surge)
    if "parties" in problem.objectives:
        for party in dict.fromkeys(demand.party for demand in problem.demands):
            maker.made.served[party] = maker.made.model.new_bool_var("")
    return maker.made


class _Maker:
    def __init__(self, problem: Problem, near: Neighbourhood, domain: Domain) -> None:
        self.made = Variables(problem, cp_model.CpModel())
        self.near = near
        self.domain = domain

    def make_placements(self, d: int, demand: Demand) -> None:
        choice = self.near.plan.placed.get(demand.id)
        if choice and not self.near.is_open(demand.options[choice.option].window):
            option = demand.options[choice.option]
            self.made.placements[d, choice.option] = self._pinned(option, choice.start)
        else:
            self._make_options(self.made.placements, Kind.PLACE, d, demand.options)

    def make_fates(self, b: int, booking: Movable) -> None:
        made, near = self.made, self.near
        stay = Option(booking.window, booking.end - booking.start, booking.start, booking.start)
        made.displaced[b] = made.model.new_bool_var("")
        choice = near.plan.moved.get(booking.id)
        if choice and not near.is_open(booking.options[choice.option].window):
            option = booking.options[choice.option]
            made.moves[b, choice.option] = self._pinned(option, choice.start)
            return
        if near.is_open(booking.window):
            if slot := self._slot(stay, self.domain.of((Kind.KEEP, b, -1), stay)):
                made.keeps[b] = slot
        elif keeps(near.plan, booking):
            made.keeps[b] = self._pinned(stay, booking.start)
            return
        self._make_options(made.moves, Kind.MOVE, b, booking.options)

    def make_campaigns(self, s: int, surge: Surge) -> None:
        for t, target in enumerate(surge.targets):
            self.made.outputs[s, t] = self.made.model.new_int_var(0, target.quantity, "")
        for o, option in enumerate(surge.options):
            if self.near.is_open(option.window):
                starts = self.domain.of((Kind.RUN, s, o), option)
                # Campaigns run in the order of their numbers, so each leaves room for those before it.
                of_copies = (
                    _from_day(starts, starts[0][0] + copy * option.duration)
                    for copy in range(_most_campaigns(starts, surge, option))
                )
                copies = [self._slot(option, of_copy) for of_copy in of_copies]
                self.made.runs[s, o] = [copy for copy in copies if copy is not None]
            else:
                runs = (run for run in self.near.plan.runs if (run.surge, run.option) == (surge.id, o))
                self.made.runs[s, o] = [self._pinned(option, run.start) for run in sorted(runs)]

    def _make_options(self, into: dict[Key, Slot], kind: Kind, owner: int, options: Sequence[Option]) -> None:
        for o, option in enumerate(options):
            if self.near.is_open(option.window):
                slot = self._slot(option, self.domain.of((kind, owner, o), option))
                if slot is not None:
                    into[owner, o] = slot

    def _slot(self, option: Option | SurgeOption, starts: Starts) -> Slot | None:
        if not starts:
            return None
        model, first, last = self.made.model, starts[0][0], starts[-1][1]
        presence = model.new_bool_var("")
        start: cp_model.IntVar | int = first
        if first < last:
            start = model.new_int_var_from_domain(cp_model.Domain.from_intervals(starts), "")
        interval = model.new_optional_fixed_size_interval_var(start, option.duration, presence, "")
        slot = Slot(option.window, presence, start, interval, first, last, option.duration)
        self.made.by_window[option.window].append(slot)
        return slot

    def _pinned(self, option: Option | SurgeOption, start: int) -> Slot:
        """Return a slot that is present at the given start; nothing else in its window moves."""
        presence = self.made.model.new_constant(1)
        return Slot(option.window, presence, start, None, start, start, option.duration)


def _from_day(starts: list[list[int]], day: int) -> list[list[int]]:
    return [[max(first, day), last] for first, last in starts if last >= day]


def _most_campaigns(starts: list[list[int]], surge: Surge, option: SurgeOption) -> int:
    """Return how many campaigns of one option have room, or could still serve a target."""
    outputs = [batch.output for batch in option.batches if batch.output]
    if not starts or not surge.targets or not outputs:
        return 0
    if starts[0][0] + min(batch.after for batch in option.batches) > max(target.by for target in surge.targets):
        return 0
    room = sum((last - first) // option.duration + 1 for first, last in starts)
    # Each campaign that is worth running adds at least its smallest output, or the rest of a target, to one target.
    useful = sum(-(-target.quantity // min(outputs)) for target in surge.targets)
    return min(room, useful)
