"""Reduced-cost fixing: the starts that no better plan can use.

A plan that starts an activity on a given day gains at most the bound, less what the best sequence through that start
falls short of the best sequence of its window. Where that is no more than what a known plan gains, the start is
dropped.

Source: Irnich, Desaulniers, Desrosiers, Hadjar, Path-Reduced Costs for Eliminating Arcs in Routing and Scheduling
(2010).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from scheduler.engines.columns.activities import Activities, Ints
from scheduler.engines.columns.generation import ROUNDING, Relaxation
from scheduler.engines.columns.program import prices
from scheduler.engines.starts import Key, Starts


def useful_starts(relaxation: Relaxation, *, least: int) -> dict[Key, Starts]:
    """Return, by kind, owner and option, the closed intervals of starts that a plan gaining `least` may use."""
    program, timetable = relaxation.program, relaxation.timetable
    acts = program.activities
    now = prices(program, relaxation.duals)
    best, reached = timetable.best(now), timetable.reached(now)
    short = relaxation.bound - least + ROUNDING + 1e-9 * abs(relaxation.bound)
    activities, days = [], []
    for day, windows, starting in timetable.each_day():
        through = reached[day, windows] + now.at(starting, day) + best[day + acts.duration[starting], windows]
        useful = starting[through >= best[0, windows] - short]
        activities.append(useful)
        days.append(np.full(len(useful), day))
    return _intervals(acts, np.concatenate(activities), np.concatenate(days))


def _intervals(acts: Activities, activity: Ints, day: Ints) -> dict[Key, Starts]:
    """Return the days of each activity as closed intervals of the calendar."""
    order = np.lexsort((day, activity))
    activity, day = activity[order], day[order]
    apart = (activity[1:] != activity[:-1]) | (day[1:] != day[:-1] + 1)
    heads = np.concatenate(([0], np.flatnonzero(apart) + 1))[: len(activity)]
    tails = np.concatenate((heads[1:] - 1, [len(activity) - 1]))[: len(heads)]
    found: dict[Key, Starts] = defaultdict(list)
    opening = acts.opening[acts.window[activity]]
    for at, first, last in zip(
        activity[heads].tolist(), (opening + day)[heads].tolist(), (opening + day)[tails].tolist(), strict=True
    ):
        found[int(acts.kind[at]), int(acts.owner[at]), int(acts.option[at])].append([first, last])
    return dict(found)
