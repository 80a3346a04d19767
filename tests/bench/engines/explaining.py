"""What explaining a refused request takes, as the command line does it, on a plan that was made before."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from scheduler.explanation.explanation import Explanation
from scheduler.problem import Problem
from scheduler.solution import Solution
from tests.bench.demands import Demand, at_most, is_so
from tests.bench.engines.contenders import OURS, called
from tests.bench.engines.instances import FAMILIES, Instance
from tests.bench.engines.measure import Outcome
from tests.bench.engines.measure import run as measure
from tests.bench.engines.records import commit, machine, today
from tests.bench.engines.report import heading, table
from tests.bench.engines.run import MOST_MEGABYTES

BENCH = "explain"
INSTANCES = ("national/scenario/1", "national/balanced/1")
LIMIT_SECONDS = 5.0
SAMPLE = 20
STAND_IN = {"national": "contested"}
NOT_PROVEN = "not_found"
HEADINGS = (
    "instance",
    "plan",
    "refused",
    "of them without any option",
    "explained",
    "median",
    "slowest",
    "the slowest",
    "proven",
    "most MB",
    "busy before",
    "must",
)


@dataclass(frozen=True, slots=True)
class Explained:
    """One refused request explained.

    Attributes
    ----------
    busy
        Cores that were busy with other things just before.
    detail
        Why it was not explained, where it was not.
    """

    request: str
    seconds: float
    megabytes: float
    busy: float
    is_proven: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One instance, its plan, and the explanations of those whom the plan refuses.

    Attributes
    ----------
    plan
        Its gaps, as shown.
    hopeless
        Those refused who have no option at all.
    is_judged
        Whether the limit is asked for here, or the figures are only shown.
    """

    instance: str
    plan: str
    refused: int
    hopeless: int
    explained: tuple[Explained, ...]
    is_judged: bool = True

    @property
    def explained_text(self) -> str:
        """How many are explained, and how many of them have an option."""
        beaten = min(len(self.explained), self.refused - self.hopeless)
        return f"{len(self.explained):,}" + (f", {beaten:,} with an option" if beaten < len(self.explained) else "")

    @property
    def slowest(self) -> Explained | None:
        """The one that took longest."""
        return max(self.explained, key=lambda one: one.seconds, default=None)

    def demands(self) -> Iterator[Demand]:
        """Yield what must hold of it."""
        if not self.is_judged or self.slowest is None:
            return
        failed = [f"{one.request}: {one.detail}" for one in self.explained if one.detail]
        what = f"{self.instance}: {len(self.explained)} of {self.refused} refused requests explained"
        yield is_so(BENCH, what, holds=not failed, measured="; ".join(failed[:3]) or None)
        yield at_most(BENCH, f"{self.instance}: the slowest of them", LIMIT_SECONDS, self.slowest.seconds, " s")


@dataclass(frozen=True, slots=True)
class Study:
    """Where files are kept, the seconds for a plan if not the family's, and how many to ask for, chosen by a seed."""

    folder: Path
    limit_s: float | None
    sample: int
    seed: int
    console: Console

    def cases(self, instances: Sequence[Instance]) -> Iterator[Case]:
        """Yield a case for each instance, and one that stands in where nobody who has an option is refused."""
        for instance in instances:
            case = self._case(instance, is_judged=True)
            yield case
            other = STAND_IN.get(instance.family.name)
            if case.refused == case.hopeless and other is not None:
                family = next(family for family in FAMILIES if family.name == other)
                yield self._case(Instance(family, instance.generator, instance.seed), is_judged=False)

    def _case(self, instance: Instance, *, is_judged: bool) -> Case:
        with self.console.status(f"{instance.name}: planning"):
            problem_file, solution_file = self._files(instance)
        problem = Problem.from_json(problem_file.read_bytes())
        solution = Solution.from_json(solution_file.read_bytes())
        hopeless = {demand.id for demand in problem.demands if not demand.options}
        explained = []
        for request in whom(solution.unplaced, hopeless, self.sample, self.seed):
            with self.console.status(f"{instance.name}: explaining {request}"):
                explained.append(self._explained(problem_file, solution_file, request))
        return Case(
            instance.name,
            plan_text(solution),
            len(solution.unplaced),
            len(hopeless & set(solution.unplaced)),
            tuple(explained),
            is_judged,
        )

    def _files(self, instance: Instance) -> tuple[Path, Path]:
        """Return the files of a problem and of its plan, made where they are not there yet.

        Raises
        ------
        RuntimeError
            The engine gave no plan.
        """
        name = instance.name.replace("/", "-")
        problem, solution = self.folder / f"{name}.json", self.folder / f"{name}.solution.json"
        if not problem.exists():
            instance.write(problem)
        if not solution.exists():
            limit_s = self.limit_s or instance.family.limit_s
            planned = measure(
                called(OURS).command(problem, solution, limit_s), limit_s=limit_s, memory_mb=MOST_MEGABYTES
            )
            if planned.outcome is not Outcome.DONE:
                raise RuntimeError(f"{instance.name}: {planned.outcome}: {planned.detail}")
        return problem, solution

    def _explained(self, problem: Path, solution: Path, request: str) -> Explained:
        output = self.folder / "explanation.json"
        output.unlink(missing_ok=True)
        command = [sys.executable, "-m", "scheduler", "explain", str(problem), str(solution), request]
        done = measure([*command, "--json", "-o", str(output)], limit_s=LIMIT_SECONDS, memory_mb=MOST_MEGABYTES)
        figures = request, round(done.seconds, 2), round(done.megabytes), round(done.busy, 1)
        if done.outcome is not Outcome.DONE:
            return Explained(*figures, is_proven=False, detail=done.detail or str(done.outcome))
        return Explained(*figures, is_proven(Explanation.from_json(output.read_bytes())))


def whom(refused: Sequence[str], hopeless: set[str], most: int, seed: int) -> list[str]:
    """Return whom to explain, chosen by the seed: those who have an option first, as they take longest."""
    chance = random.Random(seed)
    beaten = [name for name in refused if name not in hopeless]
    others = [name for name in refused if name in hopeless]
    chosen = chance.sample(beaten, min(most, len(beaten)))
    return chosen + chance.sample(others, min(most - len(chosen), len(others)))


def is_proven(explanation: Explanation) -> bool:
    """Say whether all that an explanation states was proven in its time."""
    return all(one.code != NOT_PROVEN and one.data.proven is not False for one in explanation.statements)


def plan_text(solution: Solution) -> str:
    """Return how good a plan is."""
    if all(level.proven for level in solution.levels):
        return "all levels proven"
    return "; ".join("proven" if level.proven else f"{level.gap:.2%}" for level in solution.levels)


def page(cases: Sequence[Case], command: str) -> list[str]:
    """Return the page for the results, as paragraphs."""
    spared = [case.instance for case in cases if case.refused == case.hopeless]
    return [
        "# Explaining refusals",
        *heading(machine(), [commit()], [today()], command),
        (
            "Seconds of `python -m scheduler explain PROBLEM SOLUTION REQUEST --json -o FILE`, the whole process with "
            "reading both files, on a plan that was made before. Who has an option is asked for first. Proven: "
            "explanations that leave nothing open; the others say what they could not prove. Busy before: cores that "
            "were at work with other things in the half second before each, the median."
        ),
        table(HEADINGS, [_row(case) for case in cases]),
        "".join(
            f"`{name}` refuses nobody who has an option; what stands in for it is shown, not judged. "
            for name in spared
        ),
    ]


def _row(case: Case) -> list[str]:
    row = [f"`{case.instance}`", case.plan, f"{case.refused:,}", f"{case.hopeless:,}", case.explained_text]
    slowest = case.slowest
    if slowest is None:
        return [*row, *[""] * (len(HEADINGS) - len(row))]
    failed = sum(bool(one.detail) for one in case.explained)
    holds = all(demand.holds for demand in case.demands())
    return [
        *row,
        f"{median(one.seconds for one in case.explained):.2f} s",
        f"{slowest.seconds:.2f} s",
        slowest.request,
        f"{sum(one.is_proven for one in case.explained):,}" + (f", {failed} failed" if failed else ""),
        f"{max(one.megabytes for one in case.explained):,.0f}",
        f"{median(one.busy for one in case.explained):.1f}",
        f"under {LIMIT_SECONDS:g} s: {'held' if holds else '**missed**'}" if case.is_judged else "none",
    ]
