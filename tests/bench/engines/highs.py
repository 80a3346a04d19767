"""HiGHS on the time-indexed model.

HiGHS and OR-Tools do not load in one process: nothing here, nor what it imports, may load OR-Tools.

Source: Q. Huangfu and J. Hall, "Parallelizing the dual revised simplex method", Mathematical Programming
Computation 10 (2018), https://highs.dev.
"""

from __future__ import annotations

import sys
import time

import highspy
import numpy as np

from scheduler.problem import Problem, is_maximised
from tests.bench.engines.climb import Found, Settings, main, whole_bound
from tests.bench.engines.time_indexed import Floats, Matrix, TimeIndexed

COLUMN_WISE = 1
NO_HESSIAN = 0


class HighsModel:
    """The time-indexed model in HiGHS; each level starts from the plan of the one before."""

    def __init__(self, problem: Problem, settings: Settings) -> None:
        self.settings = settings
        self.levels = len(problem.objectives)
        self.form = TimeIndexed(problem)
        self.compressed = _compressed(self.form.matrix)
        self.held: list[tuple[str, int]] = []
        self.last: Floats | None = None

    def best(self, objective: str, seconds: float) -> Found:
        """Optimise one objective, the held ones at least as good as they were."""
        began = time.monotonic()
        solver = self._solver(objective)
        seconds -= time.monotonic() - began
        if seconds <= 0:
            return Found(None, None)
        solver.setOptionValue("time_limit", seconds)
        solver.run()
        info = solver.getInfo()
        bound = info.mip_dual_bound
        found_bound = whole_bound(objective, bound) if np.isfinite(bound) and abs(bound) < highspy.kHighsInf else None
        if info.primal_solution_status != int(highspy.SolutionStatus.kSolutionStatusFeasible):
            return Found(None, found_bound)
        self.last = np.array(solver.getSolution().col_value)
        return Found(self.form.plan(self.last), found_bound)

    def hold(self, objective: str, reached: int) -> None:
        """Let no later plan be worse than this."""
        self.held.append((objective, reached))

    def _solver(self, objective: str) -> highspy.Highs:
        solver = highspy.Highs()
        for name, setting in (
            ("output_flag", False),
            ("threads", self.settings.workers),
            ("random_seed", self.settings.seed),
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 0.9),  # All objectives are whole numbers.
            ("mip_heuristic_run_feasibility_jump", False),  # On these models it does not come back in the time limit.
        ):
            solver.setOptionValue(name, setting)
        matrix = self.form.matrix
        starts, rows, entries = self.compressed
        solver.passModel(
            self.form.columns, len(matrix.lower), len(rows), NO_HESSIAN, COLUMN_WISE, NO_HESSIAN,
            _sense(objective), 0.0, self.form.amounts[objective], np.zeros(self.form.columns), matrix.most,
            matrix.lower, matrix.upper, starts, rows, entries,
            np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1), matrix.whole.astype(np.int32),
        )  # fmt: skip
        for name, reached in self.held:
            used = np.flatnonzero(self.form.amounts[name])
            low, high = (reached, np.inf) if is_maximised(name) else (-np.inf, reached)
            solver.addRow(low, high, len(used), used.astype(np.int32), self.form.amounts[name][used])
        if self.last is not None:
            start = highspy.HighsSolution()
            start.col_value = self.last.tolist()
            solver.setSolution(start)
        return solver


def _sense(objective: str) -> int:
    return int(highspy.ObjSense.kMaximize if is_maximised(objective) else highspy.ObjSense.kMinimize)


def _compressed(matrix: Matrix) -> tuple[np.ndarray, np.ndarray, Floats]:
    """Return the matrix column by column: where each column starts, then rows and entries."""
    order = np.argsort(matrix.columns, kind="stable")
    columns = np.arange(len(matrix.most) + 1)
    starts = np.searchsorted(matrix.columns[order], columns).astype(np.int32)
    return starts, matrix.rows[order].astype(np.int32), matrix.entries[order]


if __name__ == "__main__":
    sys.exit(main("HiGHS", HighsModel))
