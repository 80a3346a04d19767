"""Plans into columns, and columns back into plans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from scheduler.engines.columns.activities import Activities, Ints
from scheduler.engines.columns.master import Column
from scheduler.engines.starts import Kind
from scheduler.plan import Choice, Plan, Run, keeps
from scheduler.problem import Problem


def plan_of_columns(problem: Problem, activities: Activities, columns: Sequence[Column]) -> Plan:
    """Return the plan that runs these columns; bookings in none of them are displaced."""
    placed: dict[str, Choice] = {}
    moved: dict[str, Choice] = {}
    runs: list[Run] = []
    kept: set[str] = set()
    for column in columns:
        for activity, day in column.steps:
            kind, owner = int(activities.kind[activity]), int(activities.owner[activity])
            choice = Choice(int(activities.option[activity]), day + int(activities.opening[column.window]))
            if kind == Kind.PLACE:
                placed[problem.demands[owner].id] = choice
            elif kind == Kind.MOVE:
                moved[problem.movable[owner].id] = choice
            elif kind == Kind.KEEP:
                kept.add(problem.movable[owner].id)
            else:
                runs.append(Run(problem.surges[owner].id, *choice))
    gone = frozenset(booking.id for booking in problem.movable if booking.id not in moved and booking.id not in kept)
    return Plan(placed, tuple(sorted(runs)), moved, gone)


def columns_of_plan(problem: Problem, activities: Activities, plan: Plan) -> list[Column]:
    """Return one column for each window in which the plan runs anything."""
    wanted: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for d, demand in enumerate(problem.demands):
        if choice := plan.placed.get(demand.id):
            wanted[Kind.PLACE, d, choice.option].append(choice.start)
    for b, booking in enumerate(problem.movable):
        if choice := plan.moved.get(booking.id):
            wanted[Kind.MOVE, b, choice.option].append(choice.start)
        elif keeps(plan, booking):
            wanted[Kind.KEEP, b, -1].append(booking.start)
    numbers = {surge.id: s for s, surge in enumerate(problem.surges)}
    for run in plan.runs:
        wanted[Kind.RUN, numbers[run.surge], run.option].append(run.start)
    steps: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for activity in _among(activities, wanted).tolist():
        key = int(activities.kind[activity]), int(activities.owner[activity]), int(activities.option[activity])
        window = int(activities.window[activity])
        for start in wanted.get(key, ()):
            day = start - int(activities.opening[window])
            if activities.first[activity] <= day <= activities.last[activity]:
                steps[window].append((activity, day))
    return [Column(window, tuple(sorted(listed, key=lambda step: step[1]))) for window, listed in sorted(steps.items())]


def _among(activities: Activities, wanted: Iterable[tuple[int, int, int]]) -> Ints:
    """Return, in order, the activities that are wanted, without a look at each: there may be a million."""
    keys = np.array(list(wanted), dtype=np.int64).reshape(-1, 3)
    owners = 1 + max(int(activities.owner.max(initial=0)), int(keys[:, 1].max(initial=0)))
    options = 2 + max(int(activities.option.max(initial=0)), int(keys[:, 2].max(initial=0)))
    holders = keys[:, 0] * owners + keys[:, 1]
    is_holder = np.zeros(owners * len(Kind), dtype=np.bool_)
    is_holder[holders] = True
    held_by = activities.kind * owners + activities.owner
    among = np.flatnonzero(is_holder[held_by])
    return among[np.isin(held_by[among] * options + activities.option[among] + 1, holders * options + keys[:, 2] + 1)]
