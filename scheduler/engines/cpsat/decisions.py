"""Decisions made: an optional interval for every option, kept booking and possible campaign."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from scheduler.engines.cpsat.variables import Key, Slot, Variables
from scheduler.occupancy import start_range
from scheduler.plan import Plan, keeps
from scheduler.problem import Demand, Movable, Option, Problem, Surge, SurgeOption

Starts = list[list[int]]


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


def create_variables(problem: Problem, near: Neighbourhood = WHOLE) -> Variables:
    """Return a model with the problem's decisions and no constraint between them.

    Outside a neighbourhood everything stays as in its plan.
    """
    maker = _Maker(problem, near)
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
    def __init__(self, problem: Problem, near: Neighbourhood) -> None:
        self.made = Variables(problem, cp_model.CpModel())
        self.near = near
        self.free = FreeStarts(problem)

    def make_placements(self, d: int, demand: Demand) -> None:
        choice = self.near.plan.placed.get(demand.id)
        if choice and not self.near.is_open(demand.options[choice.option].window):
            option = demand.options[choice.option]
            self.made.placements[d, choice.option] = self._pinned(option, choice.start)
        else:
            self._make_options(self.made.placements, d, demand.options)

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
            if slot := self._slot(stay, self.free.of(stay)):
                made.keeps[b] = slot
        elif keeps(near.plan, booking):
            made.keeps[b] = self._pinned(stay, booking.start)
            return
        self._make_options(made.moves, b, booking.options)

    def make_campaigns(self, s: int, surge: Surge) -> None:
        for t, target in enumerate(surge.targets):
            self.made.outputs[s, t] = self.made.model.new_int_var(0, target.quantity, "")
        for o, option in enumerate(surge.options):
            if self.near.is_open(option.window):
                starts = self.free.of(option)
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

    def _make_options(self, into: dict[Key, Slot], owner: int, options: Sequence[Option]) -> None:
        for o, option in enumerate(options):
            if self.near.is_open(option.window) and (slot := self._slot(option, self.free.of(option))):
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


class FreeStarts:
    """The starts at which an option misses every fixed booking of its window."""

    def __init__(self, problem: Problem) -> None:
        self.spans = {window.id: (window.start, window.end) for window in problem.windows}
        self.fixed: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for booking in problem.fixed:
            self.fixed[booking.window].append((booking.start, booking.end))
        for stretches in self.fixed.values():
            stretches.sort()

    def of(self, option: Option | SurgeOption) -> list[list[int]]:
        """Return the closed intervals of starts, in order; none when the option fits nowhere."""
        first, last = start_range(self.spans, option)
        free: list[list[int]] = []
        for start, end in self.fixed.get(option.window, ()):
            if first <= min(last, start - option.duration):
                free.append([first, min(last, start - option.duration)])
            first = max(first, end)
        if first <= last:
            free.append([first, last])
        return free


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
