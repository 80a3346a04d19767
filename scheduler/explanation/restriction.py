"""Problems that allow fewer plans than another, of which every plan is one of the other's, option for option.

An option is shut by putting it in a window outside its dates: its index and its dates stay, and with them what the
others add to `delay`, which counts from the earliest of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from scheduler.components import components
from scheduler.explanation.statements import Who
from scheduler.plan import Choice, Plan, Run, keeps
from scheduler.problem import Demand, Movable, Option, Problem, Surge, SurgeOption, Window

O = TypeVar("O", Option, SurgeOption)  # noqa: E741 - an option, of either kind


def part_of(problem: Problem, subject: Demand | Movable) -> Problem:
    """Return the component of the problem that has the booking, or the demand, which has an option."""
    return next(part for part in components(problem) if subject in (*part.demands, *part.movable))


class Shut:
    """Options that nobody can take, and the windows outside all dates that they need."""

    def __init__(self, problem: Problem) -> None:
        self._day = min((option.earliest for option in _all_options(problem)), default=0)
        self._prefix = unused("shut", [window.id for window in problem.windows])
        self.windows: list[Window] = []

    def window(self) -> str:
        """Return one more such window; one for each owner, so that owners who share nothing else stay apart."""
        name = f"{self._prefix}{len(self.windows)}"
        self.windows.append(Window(name, name, self._day - 1, self._day))
        return name

    def but(self, demand: Demand, open_options: frozenset[int]) -> Demand:
        """Return the demand with no other options than those, by index."""
        if open_options.issuperset(range(len(demand.options))):
            return demand
        window = self.window()
        options = (
            option if index in open_options else replace(option, window=window)
            for index, option in enumerate(demand.options)
        )
        return replace(demand, options=tuple(options))

    def held(self, demand: Demand, choice: Choice) -> Demand:
        """Return the demand with its choice, on its day, as the only one; it may still be left without a place."""
        shut = self.but(demand, frozenset({choice.option}))
        chosen = demand.options[choice.option]
        options = [*shut.options, replace(chosen, window=self.window())]
        options[choice.option] = _on_day(chosen, choice.start)
        return replace(demand, options=tuple(options))


def unused(prefix: str, names: list[str]) -> str:
    """Return the prefix, made longer until no name begins with it."""
    while any(name.startswith(prefix) for name in names):
        prefix += "-"
    return prefix


@dataclass(frozen=True, slots=True)
class Near:
    """A problem in which only what lies in some windows may change places.

    `runs` gives the option that a pinned campaign was an option of.
    """

    problem: Problem
    runs: Mapping[tuple[str, int], int]

    def original(self, plan: Plan) -> Plan:
        """Return a plan of this problem as one of the problem it was made from."""
        runs = (Run(run.surge, self.runs.get((run.surge, run.option), run.option), run.start) for run in plan.runs)
        return Plan(plan.placed, tuple(sorted(runs)), plan.moved, plan.displaced)


def near(problem: Problem, plan: Plan, windows: frozenset[str], subject: Who) -> Near:
    """Return the problem in which everything outside the windows stays where the plan has it, or goes.

    Demands without a place take part if they have an option in the windows, and so do displaced bookings.
    """
    shut = Shut(problem)
    demands = []
    for demand in problem.demands:
        choice = plan.placed.get(demand.id)
        if (subject.kind, subject.id) == ("demand", demand.id) or (
            choice and demand.options[choice.option].window in windows
        ):
            demands.append(demand)
        elif choice:
            demands.append(shut.held(demand, choice))
        elif any(option.window in windows for option in demand.options):
            demands.append(demand)
    movable = tuple(_held_booking(booking, plan, windows, shut) for booking in problem.movable)
    runs: dict[tuple[str, int], int] = {}
    surges = tuple(_held_surge(surge, plan, windows, shut, runs) for surge in problem.surges)
    made = replace(
        problem,
        demands=tuple(demands),
        movable=movable,
        surges=surges,
        windows=(*problem.windows, *shut.windows),
    )
    return Near(made, runs)


def _held_booking(booking: Movable, plan: Plan, windows: frozenset[str], shut: Shut) -> Movable:
    choice = plan.moved.get(booking.id)
    touched = {booking.window}
    if choice:
        touched.add(booking.options[choice.option].window)
    elif not keeps(plan, booking):
        touched.update(option.window for option in booking.options)
    if touched & windows:
        return booking
    if not choice:
        return replace(booking, options=())
    window = shut.window()
    options = [replace(option, window=window) for option in booking.options]
    options[choice.option] = _on_day(booking.options[choice.option], choice.start)
    return replace(booking, options=tuple(options))


def _held_surge(
    surge: Surge, plan: Plan, windows: frozenset[str], shut: Shut, runs: dict[tuple[str, int], int]
) -> Surge:
    window = shut.window()
    options = [option if option.window in windows else replace(option, window=window) for option in surge.options]
    for run in sorted(run for run in plan.runs if run.surge == surge.id):
        option = surge.options[run.option]
        if option.window not in windows:
            runs[surge.id, len(options)] = run.option
            options.append(_on_day(option, run.start))
    return replace(surge, options=tuple(options))


def _on_day(option: O, start: int) -> O:
    return replace(option, earliest=start, latest=start)


def _all_options(problem: Problem) -> list[Option | SurgeOption]:
    owners: list[Demand | Movable | Surge] = [*problem.demands, *problem.movable, *problem.surges]
    return [option for owner in owners for option in owner.options]
