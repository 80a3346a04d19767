"""From a task to its linear program: one small function a rule.

With a variable ``x[c]`` for every sequence `c` of every window, and one ``y`` for each extra::

    maximise    sum of gain(c) x[c] + sum of gain y
    subject to  sum over the sequences that serve demand d of x[c] <= 1       each demand at most once
                sum over the sequences of window w of x[c]         <= 1       each window one sequence
                caps, limits, holds, and what defines the extras              the rows built here
                x >= 0, 0 <= y <= most
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from scheduler.engines.columns.activities import Activities, Floats, Ints, activities_of
from scheduler.engines.columns.parties import allowances_within
from scheduler.engines.columns.program import Entries, Extras, Program
from scheduler.engines.starts import Kind
from scheduler.objectives import campaign_value, displacing_value, goodness, moving_term, placing_terms
from scheduler.problem import Problem, Surge, is_maximised
from scheduler.tasks import Hold

Extra = tuple[str, object]


class _Linear(NamedTuple):
    """An objective over activities (on day 0 of their windows, and per day) and extras."""

    adds: Floats
    per_day: Floats
    extras: Mapping[int, float]


def program_of(
    problem: Problem, objective: str, holds: Sequence[Hold] = (), served: frozenset[str] = frozenset()
) -> Program:
    """Return the program whose optimum bounds the objective under holds, caps and limits, with these parties served."""
    builder = _Builder(problem, [objective, *(hold.objective for hold in holds)])
    for add in RULES:
        add(builder)
    for name, most in sorted(problem.limits.items()):
        builder.add_linear(builder.linear(name), most)
    held = []
    for hold in holds:
        sign = -1 if is_maximised(hold.objective) else 1
        held.append(builder.add_linear(builder.linear(hold.objective), sign * hold.value, sign))
    by_party = _by_party(builder)
    serving = [builder.add_row(-1, members, -1.0) for party, members in by_party.items() if party in served]
    return replace(builder.program(objective), held=tuple(held), serving=tuple(serving))


class _Builder:
    """Rows under construction."""

    def __init__(self, problem: Problem, names: Sequence[str]) -> None:
        self.problem = problem
        self.names = names
        self.activities = activities_of(problem)
        self.extras: dict[Extra, int] = {}
        self.most: list[float] = []
        self.limit: list[float] = []
        self.equal: list[bool] = []
        self._entries: list[tuple[Ints, Ints, Floats, Floats]] = []
        self._extra_entries: list[tuple[int, int, float]] = []
        self._linear: dict[str, _Linear] = {}
        self._first_place = np.cumsum([0, *(len(demand.options) for demand in problem.demands)])
        for b in range(len(problem.movable)):
            self.add_extra(("displaced", b), 1)
        if "surge_output" in problem.objectives:
            for s, surge in enumerate(problem.surges):
                for t, target in enumerate(surge.targets):
                    self.add_extra(("output", (s, t)), target.quantity / largest_batch(surge))
        if "parties" in names:
            for party in dict.fromkeys(demand.party for demand in problem.demands):
                self.add_extra(("served", party), 1)

    def add_extra(self, extra: Extra, most: float) -> int:
        """Make a variable in ``[0, most]``, and return its number."""
        self.extras[extra] = len(self.most)
        self.most.append(most)
        return self.extras[extra]

    def of_kind(self, kind: Kind) -> Ints:
        """Return the activities of a kind."""
        return np.flatnonzero(self.activities.kind == kind)

    def add_row(
        self,
        limit: float,
        activities: Ints,
        adds: Floats | float = 1.0,
        per_day: Floats | float = 0.0,
        *,
        extras: Iterable[tuple[int, float]] = (),
        equal: bool = False,
    ) -> int:
        """Add a row, and return its number."""
        row = len(self.limit)
        self.limit.append(limit)
        self.equal.append(equal)
        size = len(activities)
        shape = np.full(size, row, dtype=np.int64)
        self._entries.append((shape, activities, np.broadcast_to(adds, size), np.broadcast_to(per_day, size)))
        self._extra_entries += [(row, extra, by) for extra, by in extras]
        return row

    def add_linear(self, total: _Linear, limit: float, sign: int = 1) -> int:
        """Add the row ``sign * total <= limit``, scaled so that its largest entry is 1, and return its number."""
        touched = np.flatnonzero((total.adds != 0) | (total.per_day != 0))
        sizes = [np.abs(total.adds).max(initial=0), *(abs(by) for by in total.extras.values())]
        scale = sign / max(1.0, *sizes)
        return self.add_row(
            limit * abs(scale),
            touched,
            total.adds[touched] * scale,
            total.per_day[touched] * scale,
            extras=[(extra, by * scale) for extra, by in total.extras.items()],
        )

    def linear(self, name: str) -> _Linear:
        """Return an objective's value as a sum over activities and extras."""
        if name not in self._linear:
            self._linear[name] = self._make_linear(name)
        return self._linear[name]

    def _make_linear(self, name: str) -> _Linear:
        problem, acts = self.problem, self.activities
        nothing = np.zeros(len(acts))
        if name == "parties":
            return _Linear(nothing, nothing, {at: 1.0 for (kind, _), at in self.extras.items() if kind == "served"})
        if name == "surge_output":
            outputs = {
                self.extras["output", (s, t)]: float(largest_batch(surge))
                for s, surge in enumerate(problem.surges)
                for t in range(len(surge.targets))
            }
            return _Linear(nothing, nothing, outputs)
        table = np.zeros((len(acts), 2))
        places = self.of_kind(Kind.PLACE)
        table[places] = self._placing(name)[self._first_place[acts.owner[places]] + acts.option[places]]
        for at in np.flatnonzero((acts.kind == Kind.MOVE) | (acts.kind == Kind.RUN)).tolist():
            owner, option = int(acts.owner[at]), int(acts.option[at])
            if acts.kind[at] == Kind.MOVE:
                table[at] = moving_term(name, problem.movable[owner], option)
            else:
                table[at, 0] = campaign_value(name, problem.surges[owner], option)
        adds, per_day = table[:, 0] + table[:, 1] * acts.opening[acts.window], table[:, 1].copy()
        gone = {at: displacing_value(name, problem.movable[b]) for b, at in self._displaced()}
        return _Linear(adds, per_day, {at: float(by) for at, by in gone.items() if by})

    def _placing(self, name: str) -> Floats:
        """Return what each place of each demand adds, and adds per day, demand after demand."""
        terms = (part for demand in self.problem.demands for term in placing_terms(name, demand) for part in term)
        return np.fromiter(terms, np.float64).reshape(-1, 2)

    def _displaced(self) -> list[tuple[int, int]]:
        return [(b, self.extras["displaced", b]) for b in range(len(self.problem.movable))]

    def program(self, objective: str) -> Program:
        """Return what was built."""
        sign = goodness(objective, 1)
        aim = self.linear(objective)
        gain = np.zeros(len(self.most))
        for extra, by in aim.extras.items():
            gain[extra] = sign * by
        days, none = np.zeros(0, np.int64), np.zeros(0)
        row = np.concatenate([days, *(entry[0] for entry in self._entries)])
        activity = np.concatenate([days, *(entry[1] for entry in self._entries)])
        adds = np.concatenate([none, *(entry[2] for entry in self._entries)])
        per_day = np.concatenate([none, *(entry[3] for entry in self._entries)])
        extras = np.array(self._extra_entries, dtype=np.float64).reshape(len(self._extra_entries), 3).T
        return Program(
            self.problem,
            objective,
            self.activities,
            sign * aim.adds,
            sign * aim.per_day,
            np.array(self.limit, dtype=np.float64),
            np.array(self.equal, dtype=np.bool_),
            Entries(row, activity, adds, per_day),
            Extras(
                gain,
                np.array(self.most, dtype=np.float64),
                extras[0].astype(np.int64),
                extras[1].astype(np.int64),
                extras[2],
            ),
            self._lateness(),
        )

    def _lateness(self) -> Floats:
        if "delay" in self.names or "delay" in self.problem.limits:
            return self.linear("delay").per_day
        return np.zeros(len(self.activities))


def each_demand_once(builder: _Builder) -> None:
    """A demand takes at most one of its options."""
    for members in _by_owner(builder.activities, builder.of_kind(Kind.PLACE)).values():
        builder.add_row(1, members)


def each_booking_once(builder: _Builder) -> None:
    """A movable booking keeps its place, moves to one option, or is displaced."""
    acts = builder.activities
    members = _by_owner(acts, np.flatnonzero((acts.kind == Kind.KEEP) | (acts.kind == Kind.MOVE)))
    for b in range(len(builder.problem.movable)):
        gone = builder.extras["displaced", b]
        builder.add_row(1, members.get(b, np.zeros(0, np.int64)), extras=[(gone, 1.0)], equal=True)


def caps_of_parties(builder: _Builder) -> None:
    """A party has at most so many placed demands, and so many days of them."""
    caps, acts = builder.problem.caps, builder.activities
    for members in _by_party(builder).values():
        if caps.per_party is not None:
            builder.add_row(caps.per_party, members)
        if caps.days_per_party is not None:
            builder.add_row(caps.days_per_party, members, acts.duration[members].astype(np.float64))


def allowances_of_parties(builder: _Builder) -> None:
    """What a party takes is within a mix of allowances under its cap on days: redundant, for the bound."""
    caps, acts = builder.problem.caps, builder.activities
    if caps.days_per_party is None:
        return
    for party, members in _by_party(builder).items():
        by_demand = _by_owner(acts, members)
        days, allowances = allowances_within({d: acts.duration[own].tolist() for d, own in by_demand.items()}, caps)
        if len(allowances) < 2:
            continue
        mixed = [builder.add_extra(("allowance", (party, number)), 1) for number in range(len(allowances))]
        builder.add_row(1, np.zeros(0, np.int64), extras=[(extra, 1.0) for extra in mixed])
        for d, size in ((d, size) for d, sizes in days.items() for size in sizes):
            own = by_demand[d]
            allowing = [extra for extra, most in zip(mixed, allowances, strict=True) if most.get(d, 0) >= size]
            builder.add_row(0, own[acts.duration[own] >= size], extras=[(extra, -1.0) for extra in allowing])


def parties_served(builder: _Builder) -> None:
    """A party is served when one of its demands is placed."""
    if "parties" not in builder.names:
        return
    members = _by_party(builder)
    for party in dict.fromkeys(demand.party for demand in builder.problem.demands):
        served = builder.extras["served", party]
        builder.add_row(0, members.get(party, np.zeros(0, np.int64)), -1.0, extras=[(served, 1.0)])


def outputs_by_day(builder: _Builder) -> None:
    """A target counts what its surge's campaigns make available by its day."""
    acts = builder.activities
    runs = _by_owner(acts, builder.of_kind(Kind.RUN))
    outputs = [(s, t) for s, surge in enumerate(builder.problem.surges) for t in range(len(surge.targets))]
    for s, t in outputs if "surge_output" in builder.problem.objectives else []:
        extra, surge = builder.extras["output", (s, t)], builder.problem.surges[s]
        target = surge.targets[t]
        members = runs.get(s, np.zeros(0, np.int64))
        last = acts.last[members] + acts.opening[acts.window[members]]
        made = np.zeros(len(members))
        for at, (option, start) in enumerate(zip(acts.option[members].tolist(), last.tolist(), strict=True)):
            made[at] = sum(batch.output for batch in surge.options[option].batches if start + batch.after <= target.by)
        useful = made > 0
        builder.add_row(0, members[useful], -made[useful] / largest_batch(surge), extras=[(extra, 1.0)])


RULES: tuple[Callable[[_Builder], None], ...] = (
    each_demand_once,
    each_booking_once,
    caps_of_parties,
    allowances_of_parties,
    parties_served,
    outputs_by_day,
)


def largest_batch(surge: Surge) -> int:
    """Return the unit in which a surge's outputs are counted, so that no entry is far from 1."""
    return max([1, *(batch.output for option in surge.options for batch in option.batches)])


def _by_owner(acts: Activities, members: Ints) -> dict[int, Ints]:
    """Return the members of each owner, in the order in which owners first come."""
    owners, first, counts = np.unique(acts.owner[members], return_index=True, return_counts=True)
    parts = np.split(members[np.argsort(acts.owner[members], kind="stable")], np.cumsum(counts)[:-1])
    return {int(owners[at]): parts[at] for at in np.argsort(first)}


def _by_party(builder: _Builder) -> dict[str, Ints]:
    demands = builder.problem.demands
    found: dict[str, list[Ints]] = defaultdict(list)
    for d, members in _by_owner(builder.activities, builder.of_kind(Kind.PLACE)).items():
        found[demands[d].party].append(members)
    return {party: np.concatenate(parts) for party, parts in found.items()}
