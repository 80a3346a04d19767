"""The master over given columns in whole numbers: which of them to run.

Every demand has a variable that says whether it is refused. Rows that ask the same of all places of a demand, as
weights and caps do, are written with these: there are fewer of them, the solver cuts on them, and branching on who is
refused decides far more than branching on one column of many.

Source: Barnhart, Johnson, Nemhauser, Savelsbergh, Vance, Branch-and-Price: Column Generation for Solving Huge Integer
Programs (1998), why to branch on what the columns are made of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt
from ortools.math_opt.solvers.gscip import gscip_pb2

from scheduler.engines.columns.activities import Floats, Ints
from scheduler.engines.columns.linear import Matrix
from scheduler.engines.columns.master import Column
from scheduler.engines.columns.program import Prices, Program
from scheduler.engines.columns.sequences import NOBODY, Sequences
from scheduler.engines.meter import Meter
from scheduler.engines.starts import Kind
from scheduler.tasks import EngineError

ROUNDING = 1e-4
WHOLE = 0.5
WORK_AN_ENTRY = 2e-6
FEWEST_NODES = 1
LEAST_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Chosen:
    """The best columns found, if any, and a bound on what any choice among those given gains; -inf if there is none."""

    columns: list[Column] | None
    bound: float


def choose(
    program: Program, sequences: Sequences, meter: Meter, *, seed: int, known: int = 0, proves: bool = False
) -> Chosen:
    """Choose among sequences for the program's objective.

    Parameters
    ----------
    known : int
        How many of the sequences, the first ones, make a plan together to begin with.
    proves : bool
        Whether that plan is thought to be the best one, so that nothing is spent on looking for others.

    Raises
    ------
    EngineError
        The solver failed.
    """
    made = _Model(program, sequences)
    model = mathopt.Model.from_model_proto(made.proto())
    hints = [mathopt.SolutionHint(made.taking(model, known))] if known else []
    result = mathopt.solve(
        model,
        mathopt.SolverType.GSCIP,
        params=_parameters(made, meter, seed, proves=proves),
        model_params=mathopt.ModelSolveParameters(solution_hints=hints),
    )
    meter.spend(made.work * max(1, result.solve_stats.node_count))
    reason = result.termination.reason
    if reason == mathopt.TerminationReason.INFEASIBLE:
        return Chosen(None, -math.inf)
    bound = made.gain_at_most(result.best_objective_bound())
    if reason == mathopt.TerminationReason.NO_SOLUTION_FOUND:
        return Chosen(None, bound)
    if reason not in {mathopt.TerminationReason.OPTIMAL, mathopt.TerminationReason.FEASIBLE}:
        raise EngineError(f"{program.objective}: the choice among columns ended with {reason}")
    values = result.variable_values()
    taken = [row for row, share in enumerate(values[variable] for variable in made.first(values)) if share > WHOLE]
    return Chosen([sequences.column(row) for row in taken], bound)


def _time_left(meter: Meter) -> timedelta | None:
    return timedelta(seconds=max(meter.left(), LEAST_SECONDS)) if meter.effort.work is None else None


def _parameters(model: _Model, meter: Meter, seed: int, *, proves: bool) -> mathopt.SolveParameters:
    # Interrupts are the caller's to handle.
    scip = gscip_pb2.GScipParameters()
    scip.bool_params["misc/catchctrlc"] = False
    if proves:
        scip.heuristics = gscip_pb2.GScipParameters.OFF
    gap = {"relative_gap_tolerance": 0.0, "absolute_gap_tolerance": 1 - ROUNDING if model.is_whole else 0.0}
    if meter.effort.work is None:
        return mathopt.SolveParameters(time_limit=_time_left(meter), random_seed=seed, gscip=scip, **gap)
    nodes = max(FEWEST_NODES, int(min(1e9, meter.left() / model.work)))
    return mathopt.SolveParameters(node_limit=nodes, random_seed=seed, gscip=scip, **gap)


class _Model:
    """Maximise ``offset + unit * gain x``: first a variable for each sequence, then one for each extra, then refusals.

    Attributes
    ----------
    is_whole : bool
        Whether every plan gains a whole number of units.
    work : float
        The deterministic work that a node of the search is counted as.
    """

    def __init__(self, program: Program, sequences: Sequences) -> None:
        self.program, self.sequences = program, sequences
        acts = program.activities
        self._places = acts.kind == Kind.PLACE
        self._asking, self._number = np.unique(acts.owner[self._places], return_inverse=True)
        self._of_demand = np.full(len(acts), NOBODY, dtype=np.int64)
        self._of_demand[self._places] = self._number
        self._sizes = np.bincount(self._number, minlength=len(self._asking))
        rows, windows = len(program.limit), len(acts.length)
        self.columns = len(sequences)
        self.extras = len(program.extras.gain)
        self._refusals = self.columns + self.extras
        self.variables = self._refusals + len(self._asking)
        self.lower = np.where(program.equal, program.limit, -np.inf)
        self.upper = program.limit.copy()
        self._rows: list[Ints] = []
        self._columns: list[Ints] = []
        self._adds: list[Floats] = []
        rewritten = self._rewrite_rows()
        self._add_entries(rewritten)
        extras = program.extras
        self._add(extras.row, self.columns + extras.extra, extras.adds)
        self._add(rows + sequences.window, np.arange(self.columns), np.ones(self.columns))
        self.lower = np.concatenate([self.lower, np.full(windows, -np.inf)])
        self.upper = np.concatenate([self.upper, np.ones(windows)])
        self._set_gain()
        self.work = WORK_AN_ENTRY * (1 + sum(map(len, self._rows)))

    def _add(self, rows: Ints, columns: Ints, adds: Floats) -> None:
        self._rows.append(rows)
        self._columns.append(columns)
        self._adds.append(adds)

    def _same_for_all_places(self, activity: Ints, adds: Floats, per_day: Floats) -> Floats | None:
        """Return what each demand placed adds, wherever it is; None where that depends on the place."""
        if per_day.any() or not self._places[activity].all():
            return None
        demand = self._of_demand[activity]
        count = np.bincount(demand, minlength=len(self._asking))
        least = np.full(len(self._asking), np.inf)
        most = np.full(len(self._asking), -np.inf)
        np.minimum.at(least, demand, adds)
        np.maximum.at(most, demand, adds)
        asked = count > 0
        if (least[asked] != most[asked]).any() or (count[asked] != self._sizes[asked]).any():
            return None
        return np.where(asked, most, 0.0)

    def _rewrite_rows(self) -> set[int]:
        """Write the rows that allow it with refusals instead of columns; a demand's own row defines its refusal."""
        entries = self.program.entries
        order = np.argsort(entries.row, kind="stable")
        heads = np.searchsorted(entries.row[order], np.arange(len(self.program.limit) + 1))
        rewritten = set()
        defined = np.zeros(len(self._asking), dtype=np.bool_)
        for row in range(len(self.program.limit)):
            own = order[heads[row] : heads[row + 1]]
            if not len(own):
                continue
            placed = self._same_for_all_places(entries.activity[own], entries.adds[own], entries.per_day[own])
            if placed is None:
                continue
            asked = np.flatnonzero(placed)
            if len(asked) == 1 and not defined[asked[0]] and placed[asked[0]] == self.program.limit[row] == 1:
                defined[asked[0]] = True
                self._add(np.array([row]), np.array([self._refusals + asked[0]]), np.ones(1))
                self.lower[row] = 1.0
                continue
            rewritten.add(row)
            self._add(np.full(len(asked), row), self._refusals + asked, -placed[asked])
            self.upper[row] -= placed.sum()
            self.lower[row] -= placed.sum()
        if not defined.all():
            raise EngineError(f"{self.program.objective}: a demand has no row of its own")
        return rewritten

    def _add_entries(self, rewritten: set[int]) -> None:
        """Add what each sequence adds to the rows that are not written with refusals."""
        entries, sequences = self.program.entries, self.sequences
        kept = ~np.isin(entries.row, list(rewritten))
        row, activity, adds, per_day = (
            part[kept] for part in (entries.row, entries.activity, entries.adds, entries.per_day)
        )
        order = np.argsort(activity, kind="stable")
        row, adds, per_day = row[order], adds[order], per_day[order]
        heads = np.searchsorted(activity[order], np.arange(len(self.program.activities) + 1))
        for step in range(sequences.activity.shape[1]):
            runs = np.flatnonzero(sequences.activity[:, step] != NOBODY)
            now, start = sequences.activity[runs, step], sequences.start[runs, step]
            counts = heads[now + 1] - heads[now]
            which = np.repeat(np.arange(len(runs)), counts)
            at = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + heads[now[which]]
            self._add(row[at], runs[which], adds[at] + per_day[at] * start[which])

    def _set_gain(self) -> None:
        program, sequences = self.program, self.sequences
        gain = np.zeros(self.variables)
        gain[self.columns : self._refusals] = program.extras.gain
        self.offset = 0.0
        acts = np.arange(len(program.activities))
        touched = acts[(program.gain != 0) | (program.gain_per_day != 0)]
        placed = self._same_for_all_places(touched, program.gain[touched], program.gain_per_day[touched])
        if placed is not None and len(touched):
            gain[self._refusals :] = -placed
            self.offset = float(placed.sum())
        else:
            gain[: self.columns] = sequences.priced(Prices(program.gain, program.gain_per_day)).gain
        self.is_whole = program.objective != "surge_output"
        self.unit = float(program.unit) if self.is_whole else max(1.0, float(np.abs(gain).max(initial=0)))
        self.gain = gain / self.unit

    def proto(self) -> model_pb2.ModelProto:
        """Return the model as the solver reads it."""
        whole = np.ones(self.variables, dtype=np.bool_)
        whole[self.columns : self._refusals] = False
        upper = np.concatenate([np.ones(self.columns), self.program.extras.most, np.ones(len(self._asking))])
        row, column = np.concatenate(self._rows), np.concatenate(self._columns)
        adds = np.concatenate(self._adds)
        lower = np.zeros(self.variables)
        return Matrix(self.gain, lower, upper, self.lower, self.upper, row, column, adds).proto(whole)

    def taking(self, model: mathopt.Model, first: int) -> dict[mathopt.Variable, float]:
        """Return the values of all whole variables in the plan that the first sequences make."""
        steps = self.sequences.activity[:first]
        placed = self._of_demand[steps[steps != NOBODY]]
        refused = np.ones(len(self._asking))
        refused[placed[placed != NOBODY]] = 0.0
        taken = np.concatenate([np.ones(first), np.zeros(self.columns - first), np.zeros(self.extras), refused])
        is_extra = np.zeros(self.variables, dtype=np.bool_)
        is_extra[self.columns : self._refusals] = True
        return {model.get_variable(at): float(taken[at]) for at in np.flatnonzero(~is_extra).tolist()}

    def gain_at_most(self, bound: float) -> float:
        """Return what the solver's bound allows a plan to gain."""
        if self.is_whole and math.isfinite(bound):
            bound = math.floor(bound + ROUNDING + 1e-9 * abs(bound))
        return bound * self.unit + self.offset

    def first(self, values: dict[mathopt.Variable, float]) -> list[mathopt.Variable]:
        """Return the variables of the sequences, in their order."""
        return sorted(values, key=lambda variable: variable.id)[: self.columns]
