"""`python -m tests.bench`: the API beside a bare one, and the engine beside other ways to plan.

Without a command: the API, then the engine on the smaller instances with a tenth of their time limits.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from tests.bench import bench_api, bench_cpu
from tests.bench.engines import command

RESULTS = Path("bench-results")
QUICK_ENGINE = ("engine", "--limit-scale", "0.1", "--seeds", "1", "--only", "national", "contested", "capped", "crisis")


def main() -> int:
    """Run what is asked for; the exit code is 1 if a call of the benchmark was refused."""
    parser = _parser()
    given = parser.parse_args()
    if given.run is not None:
        return int(given.run(given))
    return _api(parser.parse_args(["api"])) or command.engine(parser.parse_args(QUICK_ENGINE))


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, formatter_class=raw)
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")
    api = commands.add_parser("api", help="the service beside a bare FastAPI and asyncpg app")
    api.add_argument("--requests", type=int, default=3000, help="calls of each kind of work, 100 or more")
    api.set_defaults(run=_api)
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


def _cpu(options: argparse.Namespace) -> int:
    Console().print(bench_cpu.table(bench_cpu.run(options.work, options.requests, options.rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
