"""`python -m tests.bench`: what the service and its engine must show, each figure beside what is wanted of it.

Without a command: activation, planning a crisis, planning one anew, bookings beside a drill, the API beside a bare one,
then the engine on the smaller instances with a tenth of their time limits, and explanations of a few whom it refuses.
The exit code is 1 if anything that must hold does not.
"""

import argparse
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from tests.bench import bench_activation, bench_api, bench_cpu, bench_crisis, bench_drill, bench_replan, demands
from tests.bench.demands import Demand
from tests.bench.engines import command

RESULTS = Path("bench-results")
QUICK_FAMILIES = ("national", "contested", "capped", "crisis")
QUICK_ENGINE = ("engine", "--fresh", "--limit-scale", "0.1", "--seeds", "1", "--only", *QUICK_FAMILIES)
QUICK_EXPLAIN = ("explain", "--limit", "20", "--sample", "8")
WHOLE = (("activation",), ("crisis",), ("replan",), ("drill",), ("api",), QUICK_ENGINE, QUICK_EXPLAIN)
"""What runs without a command; one that fails keeps no other from running."""

Run = Callable[[argparse.Namespace], Sequence[Demand]]


def main() -> int:
    """Run what is asked for, and show at the end what holds and what does not; the exit code says so too."""
    asked = (sys.argv[1:],) if sys.argv[1:] else WHOLE
    parser = _parser()
    parsed = [parser.parse_args(list(arguments)) for arguments in asked]
    found = [demand for given in parsed for demand in _demands(given)]
    if found:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "demands.json").write_text(json.dumps(demands.as_json(found), indent=2) + "\n")
        Console().print(demands.table(found))
    return demands.exit_code(found)


def _demands(given: argparse.Namespace) -> Sequence[Demand]:
    """Run one benchmark; one that stops has not held what it must."""
    run: Run = given.run
    try:
        return run(given)
    except Exception as error:  # noqa: BLE001 - the others run all the same, and the exit code says it
        traceback.print_exc()
        return [demands.is_so(given.command, "runs to its end", holds=False, measured=type(error).__name__)]


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    api = commands.add_parser("api", help="the service beside a bare FastAPI and asyncpg app")
    api.add_argument("--requests", type=int, default=3000, help="calls of each kind of work, 100 or more")
    api.set_defaults(run=lambda given: bench_api.command(given.requests, Console(), RESULTS))
    activation = commands.add_parser("activation", help="an activation of 500 orders, and of 1,000")
    activation.add_argument("--rounds", type=int, default=3, help="activations of each size")
    activation.set_defaults(run=lambda given: bench_activation.command(given.rounds, Console()))
    replan = commands.add_parser("replan", help="a crisis planned anew after one counter, on the national calendar")
    replan.add_argument("--seeds", type=int, default=3, help="national calendars to measure on")
    replan.set_defaults(run=lambda given: bench_replan.command(given.seeds, Console(), RESULTS))
    drill = commands.add_parser("drill", help="bookings with and without a drill beside them")
    drill.add_argument("--rounds", type=int, default=5, help="rounds of each kind, after one of each to warm up")
    drill.add_argument("--rate", type=float, default=40, help="bookings a second")
    drill.add_argument("--seconds", type=float, default=10, help="length of a round without a drill")
    drill.add_argument("--scenario", default="respiratory_virus", help="what the drill plays")
    drill.set_defaults(run=_drill)
    crisis = commands.add_parser("crisis", help="planning crises on the national calendar")
    crisis.add_argument("--choices-seconds", type=float, default=60, help="for the plans to choose from")
    crisis.set_defaults(run=lambda given: bench_crisis.command(given.choices_seconds, Console(), RESULTS))
    cpu = commands.add_parser("cpu", help="what a request of each takes of the processors, by process")
    cpu.add_argument("--requests", type=int, default=1000, help="calls of each kind of work in a round, 100 or more")
    cpu.add_argument("--rounds", type=int, default=3)
    cpu.add_argument("--work", nargs="+", choices=bench_cpu.WORKS, default=["hold"])
    cpu.set_defaults(run=_cpu)
    command.add_engine(commands.add_parser("engine", help="the engine beside other ways to plan"))
    command.add_growth(commands.add_parser("growth", help="the engine from 40 to 15,000 requests"))
    command.add_explain(commands.add_parser("explain", help="explanations of those whom a plan refuses"))
    command.add_cluster(commands.add_parser("cluster", help="the engine in one process, in two, and on a Dask cluster"))
    return parser


def _drill(given: argparse.Namespace) -> Sequence[Demand]:
    return bench_drill.command(given.rounds, given.rate, given.scenario, given.seconds, Console(), RESULTS)


def _cpu(given: argparse.Namespace) -> Sequence[Demand]:
    Console().print(bench_cpu.table(bench_cpu.run(given.work, given.requests, given.rounds)))
    return ()


if __name__ == "__main__":
    sys.exit(main())
