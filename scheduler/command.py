"""The command line over problem and solution files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import perf_counter
from typing import TypeVar

from scheduler.baselines import BASELINES
from scheduler.fields import FieldError
from scheduler.objectives import plain_bound, value
from scheduler.plan import solution_of
from scheduler.problem import Problem
from scheduler.progress import Listener, Progress
from scheduler.solution import Level, Solution
from scheduler.verify import fixed_conflicts, violations

DONE, VIOLATED, MALFORMED, NO_PLAN, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

EPILOG = """\
examples:
  python -m scheduler solve problem.json -o solution.json --time-limit 60 --seed 1 --workers 2
  python -m scheduler solve problem.json -o solution.json --budget 100     (replayable: no clock decides anything)
  python -m scheduler solve problem.json -o solution.json --progress       (one JSON object a line on stderr)
  python -m scheduler verify problem.json solution.json
  python -m scheduler baseline fcfs problem.json -o solution.json

exit codes:
  0  done                        3  there is no plan: fixed bookings contradict each other (the solution
  1  verify found violations        says which), or no plan respects the limits
  2  a file or an argument is    4  the solver failed
     malformed or unreadable     130  interrupted
"""

F = TypeVar("F", Problem, Solution)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except FieldError as error:
        return _fail(str(error), MALFORMED)
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}", MALFORMED)
    except (MemoryError, ImportError) as error:  # both are what a memory limit looks like
        return _fail(f"out of memory, or not installed whole: {error}", FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"scheduler: {message}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scheduler",
        description="Allocate campaigns to windows of capacity, with proven bounds.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter
    solve = commands.add_parser("solve", help="solve a problem file", epilog=EPILOG, formatter_class=raw)
    solve.add_argument("problem", type=Path)
    solve.add_argument("-o", "--output", type=Path, help="where to write the solution; standard output if not given")
    solve.add_argument("--time-limit", type=_positive, default=60.0, metavar="S", help="seconds (default 60)")
    solve.add_argument("--seed", type=_seed, default=1, help="random seed (default 1)")
    solve.add_argument("--workers", type=_workers, default=1, help="processes (default 1)")
    solve.add_argument(
        "--budget", type=_positive, metavar="B", help="deterministic work instead of a time limit; same file again"
    )
    loud = solve.add_mutually_exclusive_group()
    loud.add_argument("--progress", action="store_true", help="one JSON object a line on standard error")
    loud.add_argument("--quiet", action="store_true", help="say nothing but errors")
    solve.set_defaults(run=_solve)
    verify = commands.add_parser("verify", help="check a solution file", epilog=EPILOG, formatter_class=raw)
    verify.add_argument("problem", type=Path)
    verify.add_argument("solution", type=Path)
    verify.set_defaults(run=_verify)
    baseline = commands.add_parser("baseline", help="a plan without a solver", epilog=EPILOG, formatter_class=raw)
    baseline.add_argument("name", choices=sorted(BASELINES))
    baseline.add_argument("problem", type=Path)
    baseline.add_argument("-o", "--output", type=Path)
    baseline.set_defaults(run=_baseline)
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return number


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError(f"must be from 1 to 256, not {text}")
    return number


def _seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"must be from 0 to {2**31 - 1}, not {text}")
    return number


def _read(kind: type[F], path: Path) -> F:
    try:
        return kind.from_json(path.read_bytes())
    except FieldError as error:
        raise FieldError(f"{path}: {error.path}" if error.path else str(path), error.rule) from error


def _write(solution: Solution, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(solution.to_json())
        return
    # Whoever watches for the file finds the whole of it or nothing.
    with NamedTemporaryFile("w", dir=output.parent, delete=False, encoding="utf-8") as half:
        half.write(solution.to_json())
    Path(half.name).chmod(0o644)
    Path(half.name).replace(output)


def _solve(options: argparse.Namespace) -> int:
    from scheduler.solve import NoPlan, solve  # noqa: PLC0415 - `verify` runs without a solver
    from scheduler.tasks import EngineError  # noqa: PLC0415

    problem = _read(Problem, options.problem)
    if options.output is not None and not options.output.parent.is_dir():
        return _fail(f"{options.output.parent}: no such folder", MALFORMED)
    try:
        solution = solve(
            problem,
            time_limit_s=options.time_limit,
            seed=options.seed,
            workers=options.workers,
            budget=options.budget,
            on_progress=_listener(options),
        )
    except NoPlan as error:
        return _fail(f"{options.problem}: {error}", NO_PLAN)
    except EngineError as error:
        return _fail(f"{options.problem}: {error}", FAILED)
    _write(solution, options.output)
    if solution.conflicts:
        pairs = "; ".join(f"{' and '.join(c.bookings)} in {c.window}" for c in solution.conflicts[:5])
        return _fail(f"{options.problem}: fixed bookings contradict each other: {pairs}", NO_PLAN)
    return DONE


def _listener(options: argparse.Namespace) -> Listener | None:
    if options.progress:
        return _tell_programs
    return _tell_people if sys.stderr.isatty() and not options.quiet else None


def _tell_programs(event: Progress) -> None:
    sys.stderr.write(json.dumps(asdict(event)) + "\n")
    sys.stderr.flush()


def _tell_people(event: Progress) -> None:
    mark = "proven" if event.value == event.bound else f"bound {event.bound:,}"
    line = f"{event.elapsed:7.1f} s  {event.level}/{event.levels} {event.objective}: {event.value:,}, {mark}"
    sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if event.done else ""))
    sys.stderr.flush()


def _verify(options: argparse.Namespace) -> int:
    broken = violations(_read(Problem, options.problem), _read(Solution, options.solution))
    for violation in broken:
        sys.stdout.write(f"{violation}\n")
    return VIOLATED if broken else DONE


def _baseline(options: argparse.Namespace) -> int:
    problem = _read(Problem, options.problem)
    began = perf_counter()
    if conflicts := tuple(fixed_conflicts(problem)):
        _write(Solution("infeasible", engine=options.name, conflicts=conflicts), options.output)
        return _fail(f"{options.problem}: fixed bookings contradict each other", NO_PLAN)
    plan = BASELINES[options.name](problem)
    levels = []
    for name in problem.objectives:
        reached, bound = value(problem, plan, name), plain_bound(problem, name)
        levels.append(Level(name, reached, bound, reached == bound))
    status = "optimal" if all(level.proven for level in levels) else "feasible"
    seconds = round(perf_counter() - began, 3)
    made = solution_of(problem, plan, status=status, levels=tuple(levels), seconds=seconds, engine=options.name, seed=0)
    _write(made, options.output)
    return DONE
