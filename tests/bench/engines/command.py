"""`python -m tests.bench engine`, `growth`, `cluster` and `explain`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from tests.bench.demands import Demand, is_so
from tests.bench.engines import cluster, contenders, explaining, growth, instances, musts, report
from tests.bench.engines.records import Records, differences, set_aside
from tests.bench.engines.run import Session, run

COMMITTED = Path("tests/bench/results")
QUICK = Path("bench-results")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the side by side."""
    families = ", ".join(family.name for family in instances.FAMILIES)
    parser.add_argument("--only", nargs="+", metavar="INSTANCE", help=f"families ({families}), or family/generator/*")
    parser.add_argument("--limit-scale", type=float, default=1.0, metavar="X", help="share of each time limit to give")
    _add_common(parser, None)
    parser.set_defaults(run=engine)


def add_growth(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the growth."""
    parser.add_argument("--sizes", nargs="+", type=int, default=growth.SIZES, metavar="REQUESTS")
    parser.add_argument("--limit", type=float, default=growth.LIMIT_SECONDS, metavar="S", help="seconds for each size")
    _add_common(parser, [contenders.OURS])
    parser.set_defaults(run=grow)


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the cluster."""
    names = [family.name for family in instances.FAMILIES]
    parser.add_argument("--family", choices=names, default="europe", help="of the synthetic generator (default europe)")
    parser.add_argument("--seed", type=int, default=1, help="of the generator (default 1)")
    parser.add_argument(
        "--budget", type=float, default=cluster.BUDGET, metavar="B", help=f"work to do (default {cluster.BUDGET:g})"
    )
    parser.add_argument("--output", type=Path, default=COMMITTED, help=f"folder for the page (default {COMMITTED})")
    parser.set_defaults(run=on_cluster)


def on_cluster(options: argparse.Namespace) -> Sequence[Demand]:
    """Solve one instance in one process, in two, and on a cluster of two, whose plans must not differ."""
    console = _console()
    (instance,) = instances.chosen([f"{options.family}/{instances.Generator.SYNTHETIC}/{options.seed}"], [options.seed])
    problem = instance.problem()
    timings = cluster.timings(problem, options.budget, console)
    console.print(cluster.shown(instance.name, timings))
    options.output.mkdir(parents=True, exist_ok=True)
    command = (
        f"python -m tests.bench cluster --family {options.family} --seed {options.seed} --budget {options.budget:g}"
    )
    file = options.output / "cluster.md"
    report.write_page(file, cluster.page(instance.name, options.budget, cluster.shares(problem), timings, command))
    console.print(f"written to {file}")
    same = all(one.is_same_as(timings[0]) for one in timings)
    return [is_so("cluster", f"{instance.name}: the same plan wherever it is solved", holds=same)]


def add_explain(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the explanations."""
    of = explaining
    parser.add_argument("--only", nargs="+", metavar="INSTANCE", default=of.INSTANCES, help="as for engine")
    parser.add_argument("--limit", type=float, metavar="S", help="seconds for a plan (default its family's)")
    parser.add_argument("--sample", type=int, default=of.SAMPLE, help=f"requests at most (default {of.SAMPLE})")
    parser.add_argument("--seed", type=int, default=1, help="by which they are chosen (default 1)")
    parser.add_argument("--problems", type=Path, metavar="FOLDER", help="keep files and plans here, use those found")
    parser.add_argument("--output", type=Path, help=f"folder for the page ({COMMITTED}; of anything else {QUICK})")
    parser.set_defaults(run=on_explain)


def on_explain(options: argparse.Namespace) -> Sequence[Demand]:
    """Explain whom plans refuse, and return what must hold of it."""
    console = _console()
    chosen = instances.chosen(options.only, None)
    if not chosen:
        console.print("no instance is called so", style="red")
        raise SystemExit(2)
    given = [f" --limit {options.limit:g}"] if options.limit else []
    given += [f" --sample {options.sample}"] if options.sample != explaining.SAMPLE else []
    given += [f" --only {' '.join(options.only)}"] if tuple(options.only) != explaining.INSTANCES else []
    given += [f" --seed {options.seed}"] if options.seed != 1 else []
    folder = options.output or (QUICK if given else COMMITTED)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept:
        if options.problems:
            options.problems.mkdir(parents=True, exist_ok=True)
        study = explaining.Study(options.problems or Path(kept), options.limit, options.sample, options.seed, console)
        cases = list(study.cases(chosen))
    report.write_page(folder / "explain.md", explaining.page(cases, f"python -m tests.bench explain{''.join(given)}"))
    console.print(f"written to {folder}/explain.md")
    return [demand for case in cases for demand in case.demands()]


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def _add_common(parser: argparse.ArgumentParser, engines: list[str] | None) -> None:
    parser.add_argument("--engines", nargs="+", choices=contenders.NAMES, default=engines)
    parser.add_argument("--seeds", nargs="+", type=int, help="seeds of the generators")
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--fresh", action="store_true", help="measure again what is known, on whatever machine it was")
    known.add_argument("--keep", action="store_true", help="keep what was measured with an older source, and say so")
    parser.add_argument("--problems", type=Path, metavar="FOLDER", help="keep problem files here, and use those found")
    parser.add_argument(
        "--output", type=Path, help=f"folder for the results ({COMMITTED}; of anything quicker or extra {QUICK})"
    )


def engine(options: argparse.Namespace) -> Sequence[Demand]:
    """Run the side by side, write JSON, Markdown and a picture, and return what must hold."""
    chosen = instances.chosen(options.only, options.seeds)
    is_quick = options.limit_scale != 1 or any(instance.family.is_extra for instance in chosen)
    command = "make bench-engine"
    if options.limit_scale != 1:
        command = f"python -m tests.bench engine --limit-scale {options.limit_scale:g}"

    def pages(records: Records, folder: Path, draw: bool) -> None:
        if draw:
            from tests.bench.engines import plots  # noqa: PLC0415

            plots.engines(records, folder / "engines.svg")
        body = report.engines_page(records, "engines.svg" if draw else None)
        report.write(records, folder / "engines.md", title="The allocation engine, side by side", body=body)

    return _measure(options, chosen, "engines", command, QUICK if is_quick else COMMITTED, pages)


def grow(options: argparse.Namespace) -> Sequence[Demand]:
    """Run the sizes, write JSON, Markdown and a picture, and return what must hold."""
    sizes = {}
    chosen = []
    for requests in options.sizes:
        for seed in options.seeds or [1]:
            chosen.append(instances.growing(requests, seed, options.limit))
            sizes[chosen[-1].name] = requests
    is_quick = options.limit != growth.LIMIT_SECONDS
    command = "python -m tests.bench growth" + (f" --limit {options.limit:g}" if is_quick else "")

    def pages(records: Records, folder: Path, draw: bool) -> None:
        body = growth.page(records, sizes)
        if draw:
            from tests.bench.engines import plots  # noqa: PLC0415

            plots.growth(records, sizes, folder / "growth.svg")
            body = f"![Seconds, memory and gap over the number of requests](growth.svg)\n\n{body}"
        report.write(records, folder / "growth.md", title="Growth", body=body)

    return _measure(options, chosen, "growth", command, QUICK if is_quick else COMMITTED, pages)


def _measure(
    options: argparse.Namespace,
    chosen: list[instances.Instance],
    name: str,
    command: str,
    folder: Path,
    pages: Callable[[Records, Path, bool], None],
) -> Sequence[Demand]:
    """Measure and write.

    Raises
    ------
    SystemExit
        If no instance is called as asked for, or a contender is not to be had here.
    """
    console = _console()
    if not chosen:
        console.print("no instance is called so", style="red")
        raise SystemExit(2)
    try:
        who = contenders.chosen(options.engines)
    except ValueError as error:
        console.print(str(error), style="red")
        raise SystemExit(2) from None
    folder = options.output or folder
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    _make_room(file, console, is_fresh=options.fresh)
    records = Records.read(file)
    records.command = command
    session = Session(
        chosen,
        who,
        file,
        getattr(options, "limit_scale", 1.0),
        is_fresh=options.fresh,
        keeps_outdated=options.keep,
        problems=options.problems,
    )
    if options.problems:
        options.problems.mkdir(parents=True, exist_ok=True)
    try:
        run(session, records, console)
    finally:
        if records.runs:
            records.write(file)
            pages(records, folder, find_spec("matplotlib") is not None)
            console.print(f"written to {folder}/{name}.md")
    return musts.demands(records, chosen)


def _make_room(file: Path, console: Console, *, is_fresh: bool) -> None:
    """Put what was measured elsewhere out of the way, but if it is to be replaced, and say so."""
    if differing := differences(file):
        what = "it is replaced" if is_fresh else f"it is {set_aside(file)} now"
        console.print(f"{file} was measured elsewhere ({'; '.join(differing)}): {what}, to start anew", style="yellow")
