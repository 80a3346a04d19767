"""What must hold across a problem: identifiers unique, references resolved, windows of a line disjoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from scheduler.fields import FieldError, require, require_between
from scheduler.problem import (
    MAXIMISED,
    MINIMISED,
    MOST_AMOUNT,
    MOST_ENTRIES,
    MOST_OPTIONS,
    Fixed,
    Movable,
    Option,
    Problem,
    SurgeOption,
    Window,
    tier_of,
)


class _Named(Protocol):
    @property
    def id(self) -> str: ...


def check_problem(problem: Problem) -> None:
    """Raise `FieldError` at the first rule that the problem breaks."""
    _check_size(problem)
    _check_unique([("windows", problem.windows)])
    _check_unique([("fixed", problem.fixed), ("movable", problem.movable)])
    _check_unique([("demands", problem.demands)])
    _check_unique([("surges", problem.surges)])
    _check_disjoint(problem.windows)
    windows = {window.id: window for window in problem.windows}
    _check_inside(windows, "fixed", problem.fixed)
    _check_inside(windows, "movable", problem.movable)
    for path, options in _option_lists(problem):
        for position, option in enumerate(options):
            if option.window not in windows:
                raise FieldError(f"{path}.options[{position}].window", f"no window {option.window!r}")
    _check_objectives(problem)


def _check_size(problem: Problem) -> None:
    for name in ("windows", "fixed", "demands", "movable", "surges"):
        count = len(getattr(problem, name))
        require(count <= MOST_ENTRIES, name, f"must hold at most {MOST_ENTRIES:,} entries, not {count:,}")
    seen = 0
    for path, options in _option_lists(problem):
        seen += len(options)
        require(seen <= MOST_OPTIONS, f"{path}.options", f"the options of all entries must be at most {MOST_OPTIONS:,}")


def _option_lists(problem: Problem) -> Iterator[tuple[str, Sequence[Option | SurgeOption]]]:
    for position, demand in enumerate(problem.demands):
        yield f"demands[{position}]", demand.options
    for position, booking in enumerate(problem.movable):
        yield f"movable[{position}]", booking.options
    for position, surge in enumerate(problem.surges):
        yield f"surges[{position}]", surge.options


def _check_unique(lists: Iterable[tuple[str, Sequence[_Named]]]) -> None:
    seen: dict[str, str] = {}
    for name, items in lists:
        for position, item in enumerate(items):
            path = f"{name}[{position}]"
            if item.id in seen:
                raise FieldError(f"{path}.id", f"{item.id!r} is already that of {seen[item.id]}")
            seen[item.id] = path


def _check_disjoint(windows: Sequence[Window]) -> None:
    in_order = sorted(enumerate(windows), key=lambda pair: (pair[1].line, pair[1].start, pair[1].end))
    for (_, before), (position, after) in pairwise(in_order):
        if before.line == after.line and after.start < before.end:
            raise FieldError(
                f"windows[{position}].start",
                f"windows of one line must be disjoint: {after.id!r} [{after.start}, {after.end}) overlaps "
                f"{before.id!r} [{before.start}, {before.end}) on line {after.line!r}",
            )


def _check_inside(windows: dict[str, Window], name: str, bookings: Sequence[Fixed | Movable]) -> None:
    for position, booking in enumerate(bookings):
        path = f"{name}[{position}]"
        window = windows.get(booking.window)
        if window is None:
            raise FieldError(f"{path}.window", f"no window {booking.window!r}")
        span = f"window {window.id!r} [{window.start}, {window.end})"
        if booking.start < window.start:
            raise FieldError(f"{path}.start", f"day {booking.start} is before {span}")
        if booking.end > window.end:
            raise FieldError(f"{path}.end", f"day {booking.end} is past {span}")


def _check_objectives(problem: Problem) -> None:
    require(len(problem.objectives) > 0, "objectives", "must name at least one objective")
    known = ", ".join(sorted(MAXIMISED | MINIMISED))
    seen: set[str] = set()
    for position, name in enumerate(problem.objectives):
        path = f"objectives[{position}]"
        if name not in MAXIMISED | MINIMISED and tier_of(name) is None:
            raise FieldError(path, f"no objective {name[:40]!r}; known: {known}, and weight:T for a tier T")
        require(name not in seen, path, f"{name!r} is given twice")
        seen.add(name)
    for name, most in problem.limits.items():
        path = f"limits.{name[:40]}"
        require(name in MINIMISED, path, f"only {', '.join(sorted(MINIMISED))} can be limited")
        require_between(most, 0, MOST_AMOUNT * 1000, path)
