"""`python -m tests.bench`: the API beside a bare one, and the engine beside other ways to plan.

Without a command: activation, a crisis, the API, then the engine on the smaller instances with a tenth of their time
limits.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from tests.bench import bench_activation, bench_api, bench_cpu, bench_crisis, bench_drill, bench_replan
from tests.bench.engines import command

RESULTS = Path("bench-results")
QUICK_ENGINE = ("engine", "--limit-scale", "0.1", "--seeds", "1", "--only", "national", "contested", "capped", "crisis")


def main() -> int:
    """Run what is asked for; the exit code is 1 if a call of the benchmark was refused."""
    parser = _parser()
    given = parser.parse_args()
    if given.run is not None:
        return int(given.run(given))
    activation = bench_activation.command(3, Console())
    _crisis(parser.parse_args(["crisis"]))
    return activation or _api(parser.parse_args(["api"])) or command.engine(parser.parse_args(QUICK_ENGINE))


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, formatter_class=raw)
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")
    api = commands.add_parser("api", help="the service beside a bare FastAPI and asyncpg app")
    api.add_argument("--requests", type=int, default=3000, help="calls of each kind of work, 100 or more")
    api.set_defaults(run=_api)
    activation = commands.add_parser("activation", help="an activation of 500 orders, and of 1,000")
    activation.add_argument("--rounds", type=int, default=5, help="activations of each size")
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
    crisis = commands.add_parser("crisis", help="planning a crisis on the national calendar")
    crisis.add_argument("--choices-seconds", type=float, default=60, help="for the plans to choose from")
    crisis.set_defaults(run=_crisis)
    cpu = commands.add_parser("cpu", help="what a request of each takes of the processors, by process")
    cpu.add_argument("--requests", type=int, default=1000, help="calls of each kind of work in a round, 100 or more")
    cpu.add_argument("--rounds", type=int, default=3)
    cpu.add_argument("--work", nargs="+", choices=bench_cpu.WORKS, default=["hold"])
    cpu.set_defaults(run=_cpu)
    command.add_engine(commands.add_parser("engine", help="the engine beside other ways to plan"))
    command.add_growth(commands.add_parser("growth", help="the engine from 40 to 15,000 requests"))
    command.add_cluster(commands.add_parser("cluster", help="the engine in one process, in two, and on a Dask cluster"))
    return parser


def _api(options: argparse.Namespace) -> int:
    RESULTS.mkdir(exist_ok=True)
    console = Console()
    comparisons = bench_api.run(options.requests)
    console.print(bench_api.table(comparisons))
    (RESULTS / "api.json").write_text(json.dumps([one.as_json() for one in comparisons], indent=2) + "\n")
    return 0 if bench_api.check(comparisons, console) else 1


def _drill(options: argparse.Namespace) -> int:
    RESULTS.mkdir(exist_ok=True)
    console = Console()
    measured = bench_drill.run(options.rounds, options.rate, options.scenario, options.seconds)
    console.print(bench_drill.table(measured))
    (RESULTS / "drill.json").write_text(json.dumps(measured.as_json(), indent=2) + "\n")
    return 0 if bench_drill.check(measured, console) else 1


def _crisis(options: argparse.Namespace) -> int:
    return bench_crisis.command(options.choices_seconds, Console())


def _cpu(options: argparse.Namespace) -> int:
    Console().print(bench_cpu.table(bench_cpu.run(options.work, options.requests, options.rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
