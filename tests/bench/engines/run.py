"""Every chosen contender on every chosen instance, one after the other, with the results kept as they come."""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scheduler.fields import FieldError
from scheduler.objectives import plain_bound
from scheduler.plan import plan_of
from scheduler.problem import Problem
from scheduler.solution import Solution
from scheduler.verify import violations
from tests.bench.engines.contenders import Contender, source_of
from tests.bench.engines.instances import Instance
from tests.bench.engines.measure import Outcome
from tests.bench.engines.measure import run as measure
from tests.bench.engines.people import NOBODY, People, people
from tests.bench.engines.records import InstanceRecord, LevelRecord, Records, RunRecord, commit, today

MOST_MEGABYTES = 12 * 1024
MOST_READING_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A solution file as the checker sees it: wrong in some way, or its levels and what it means."""

    wrong: str = ""
    levels: tuple[LevelRecord, ...] = ()
    people: People = NOBODY


@dataclass(frozen=True, slots=True)
class Session:
    """What to run, how long, and where the results are kept; and the problem files, when they are to be kept too.

    Attributes
    ----------
    is_fresh
        Whether to measure what is known, too.
    keeps_outdated
        Whether what was measured with another source is known well enough.
    """

    instances: Sequence[Instance]
    contenders: Sequence[Contender]
    file: Path
    limit_scale: float = 1.0
    is_fresh: bool = False
    keeps_outdated: bool = False
    problems: Path | None = None


def run(session: Session, records: Records, console: Console) -> None:
    """Measure what is not known yet, or everything chosen when it is to be fresh."""
    pending = [
        (instance, missing)
        for instance in session.instances
        if (missing := _missing(session, records, instance)) or not records.knows_reading(instance.name)
    ]
    with _display(console) as display:
        bar = display.add_task("", total=sum(len(missing) for _, missing in pending))
        for instance, missing in pending:
            display.update(bar, description=f"{instance.name}: generating")
            with tempfile.TemporaryDirectory() as folder, _apart() as apart:
                file = (session.problems or Path(folder)) / f"{instance.name.replace('/', '-')}.json"
                if not file.exists():
                    apart.submit(instance.write, file).result()
                before = len(records.runs)
                known = apart.submit(facts, instance.name, file).result()
                records.take(replace(known, reading_s=reading_seconds(file)))
                # A changed problem makes what was known of it worthless, not only what was missing.
                changed = len(records.runs) < before
                records.write(session.file)
                for contender in session.contenders if changed else missing:
                    display.update(bar, description=f"{instance.name}: {contender.title}")
                    output = Path(folder) / f"{contender.name}.json"
                    measured = _one(session, instance, contender, file, output, apart)
                    records.runs[instance.name, contender.name] = measured
                    records.write(session.file)
                    _say(display, measured)
                    display.advance(bar)


def facts(name: str, file: Path) -> InstanceRecord:
    """Return the facts of a problem file."""
    text = file.read_bytes()
    problem = Problem.from_json(text)
    return InstanceRecord(
        name,
        len(problem.windows),
        len(problem.demands),
        option_count(problem),
        len(problem.movable),
        {objective: plain_bound(problem, objective) for objective in problem.objectives},
        hashlib.sha256(text).hexdigest()[:16],
    )


def reading_seconds(file: Path) -> float:
    """Return what a process takes that only reads a problem file.

    Raises
    ------
    RuntimeError
        It cannot.
    """
    command = [sys.executable, "-m", "tests.bench.engines.reading", str(file)]
    measured = measure(command, limit_s=MOST_READING_SECONDS, memory_mb=MOST_MEGABYTES)
    if measured.outcome is not Outcome.DONE:
        raise RuntimeError(f"reading {file}: {measured.outcome}: {measured.detail}")
    return round(measured.seconds, 2)


def option_count(problem: Problem) -> int:
    """Return how many places the problem's file offers to all together."""
    lists = [demand.options for demand in problem.demands] + [booking.options for booking in problem.movable]
    return sum(map(len, lists)) + sum(len(surge.options) for surge in problem.surges)


def judge(problem_file: Path, solution_file: Path) -> Judged:
    """Check a solution file, whoever wrote it."""
    problem = Problem.from_json(problem_file.read_bytes())
    try:
        solution = Solution.from_json(solution_file.read_bytes())
    except (OSError, FieldError) as error:
        return Judged(f"no solution file: {error}")
    if broken := violations(problem, solution):
        return Judged(f"{broken[0]} ({len(broken)} violations)")
    levels = tuple(LevelRecord(level.objective, level.value, level.bound) for level in solution.levels)
    return Judged(levels=levels, people=people(problem, plan_of(solution)))


def _missing(session: Session, records: Records, instance: Instance) -> list[Contender]:
    limit_s = instance.family.limit_s * session.limit_scale
    return [
        contender
        for contender in session.contenders
        if session.is_fresh or not records.has(instance.name, contender.name, limit_s, keep=session.keeps_outdated)
    ]


def _one(
    session: Session, instance: Instance, contender: Contender, file: Path, output: Path, apart: Executor
) -> RunRecord:
    """Measure one contender on one instance."""
    limit_s, source = instance.family.limit_s * session.limit_scale, source_of(contender.name)
    measured = measure(contender.command(file, output, limit_s), limit_s=limit_s, memory_mb=MOST_MEGABYTES)
    judged = apart.submit(judge, file, output).result() if measured.outcome is Outcome.DONE else Judged()
    outcome = Outcome.WRONG if judged.wrong else measured.outcome
    return RunRecord(
        instance.name,
        contender.name,
        limit_s,
        outcome,
        judged.wrong or ("" if outcome is Outcome.DONE else measured.detail),
        round(measured.seconds, 1),
        round(measured.megabytes, 1),
        commit(),
        today(),
        judged.levels,
        judged.people,
        source,
        round(measured.busy, 1),
    )


def _apart() -> ProcessPoolExecutor:
    """Return a process to make and check an instance in: large problems must not stay in this one."""
    return ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn"))


@contextmanager
def _display(console: Console) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as display:
        yield display


def _say(display: Progress, run: RunRecord) -> None:
    if run.levels:
        first = run.levels[0]
        said = f"{first.objective} {first.value:,} of at most {first.bound:,}, gap {first.gap:.2%}"
    else:
        said = f"{run.outcome}: {run.detail}"
    display.console.print(
        f"{run.instance} · {run.contender}: {said}, {run.seconds:,.1f} s, {run.megabytes:,.0f} MB", highlight=False
    )
