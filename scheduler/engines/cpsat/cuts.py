"""Energy cuts: what must run between a release and a deadline of a window fits between them.

For days ``[s, e)`` of a window and tasks with release ``r``, deadline ``q`` and duration ``d``, whatever of a task
cannot lie outside counts, less what fixed bookings take of the room::

    sum over tasks of max(0, min(d, e - s, r + d - s, e - (q - d))) * literal <= (e - s) - fixed days in [s, e)

Source: Baptiste, Le Pape, Nuijten, Constraint-Based Scheduling (2001), chapter 3, energetic reasoning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

MOST_ENDS = 48

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Energetic:
    """A literal that stands for `duration` days between a release and a deadline.

    One that `adds` tells more of the task before it, of which it is a stricter case, and counts only what its nearer
    deadline adds.
    """

    literal: cp_model.IntVar
    release: int
    deadline: int
    duration: int
    adds: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """The sum over tasks of `energy` (days inside the period) x literal is at most `room` days."""

    tasks: Ints
    energy: Ints
    room: int


def energy_cuts(
    tasks: Sequence[Energetic], span: tuple[int, int], fixed: Sequence[tuple[int, int]], most: int
) -> list[Cut]:
    """Return the cuts of one window that leave something out, the most crowded periods first.

    Parameters
    ----------
    tasks : sequence of Energetic
        What could run in the window.
    span : (int, int)
        The window's period, half-open.
    fixed : sequence of (int, int)
        The periods taken by fixed bookings.
    most : int
        How many cuts to return at the most.
    """
    if len(tasks) < 2:
        return []
    releases = np.array([task.release for task in tasks], dtype=np.int64)
    sizes = np.array([task.duration for task in tasks], dtype=np.int64)
    deadlines = np.array([task.deadline for task in tasks], dtype=np.int64)
    begins = _thinned(np.append(releases, span[0]))
    ends = _thinned(np.append(deadlines, span[1]))
    periods = [(int(begin), int(end)) for begin in begins for end in ends if begin < end]
    starts, stops = np.array(periods, dtype=np.int64).T
    energy = _energy(releases, deadlines, sizes, starts, stops)
    more = np.flatnonzero([task.adds for task in tasks])
    energy[:, more] -= energy[:, more - 1]
    room = stops - starts - _fixed_days(fixed, starts, stops)
    crowding = energy.sum(axis=1) / np.maximum(room, 1)
    cuts: list[Cut] = []
    seen: set[bytes] = set()
    for row in np.argsort(-crowding, kind="stable"):
        if crowding[row] <= 1 or len(cuts) == most:
            break
        print_of_row = energy[row].tobytes()
        if print_of_row in seen:
            continue  # The same energy in a longer period says less.
        seen.add(print_of_row)
        members = np.flatnonzero(energy[row])
        cuts.append(Cut(members, energy[row][members], int(room[row])))
    return cuts


def _thinned(days: Ints) -> Ints:
    """Return the distinct days, evenly thinned when there are too many; the first and the last stay."""
    distinct = np.unique(days)
    if len(distinct) <= MOST_ENDS:
        return distinct
    chosen = np.linspace(0, len(distinct) - 1, MOST_ENDS).round().astype(np.int64)
    return distinct[chosen]


def _energy(releases: Ints, deadlines: Ints, sizes: Ints, starts: Ints, stops: Ints) -> Ints:
    """Return, period by slot, the days of the slot that lie in the period wherever it starts, if present."""
    begin, end = starts[:, None], stops[:, None]
    pushed_left = releases + sizes - begin
    pushed_right = end - (deadlines - sizes)
    inside = np.minimum(np.minimum(pushed_left, pushed_right), np.minimum(sizes, end - begin))
    energy: Ints = np.maximum(inside, 0)
    return energy


def _fixed_days(fixed: Sequence[tuple[int, int]], starts: Ints, stops: Ints) -> Ints:
    taken = np.zeros(len(starts), dtype=np.int64)
    for start, end in fixed:
        taken += np.maximum(np.minimum(stops, end) - np.maximum(starts, start), 0)
    return taken
