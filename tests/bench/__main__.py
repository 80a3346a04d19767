"""`make bench`: the API beside a bare one, then the engine on the four sizes; tables, and JSON in bench-results/."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.bench import bench_api, bench_engine

RESULTS = Path("bench-results")
SIZES = ("demo", "national", "contested", "europe")


def main() -> int:
    """Run what is asked for; exit code 1 if a call of the benchmark was refused or a plan was not verified."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("all", "api", "engine"), default="all")
    parser.add_argument("--requests", type=int, default=3000, help="calls of each kind of work")
    parser.add_argument("--time-limit", type=float, default=60, help="seconds for each problem of the engine")
    given = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    console = Console()
    good = True
    if given.what in {"all", "api"}:
        good &= _api(console, given.requests)
    if given.what in {"all", "engine"}:
        good &= _engine(given.time_limit)
    return 0 if good else 1


def _api(console: Console, requests: int) -> bool:
    comparisons = bench_api.run(requests)
    console.print(bench_api.table(comparisons))
    (RESULTS / "api.json").write_text(json.dumps([one.as_json() for one in comparisons], indent=2) + "\n")
    return bench_api.check(comparisons, console)


def _engine(time_limit: float) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / f"{size}.json") for size in SIZES]
        for size, file in zip(SIZES, files, strict=True):
            command = [sys.executable, "-m", "seed", "problem", "--size", size, "--seed", "1", "--output", file]
            subprocess.run(command, check=True)
        return bench_engine.main([*files, "--time-limit", str(time_limit)]) == 0


if __name__ == "__main__":
    sys.exit(main())
