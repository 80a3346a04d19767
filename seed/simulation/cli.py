"""`creneau simulate`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from app.commands.failure import CommandFailed
from app.commands.interrupts import Stop, Stopped, stopping_signals
from seed.simulation import options
from seed.simulation.batch import Experiment, SimulationFailed, play_all
from seed.simulation.files import Drawer, Outcome, write_files
from seed.simulation.measures import RunResult
from seed.simulation.plan import SimulationPlan
from seed.simulation.policies import policies
from seed.simulation.screen import progress, show
from seed.simulation.summary import summaries

INTERRUPTED = 130
USUAL = SimulationPlan()


class Defaults(NamedTuple):
    """What holds where an option is left out."""

    startup: str
    crisis: str
    seeds: int
    requests: int


FULL = Defaults("0,10,20,30", "0,5,10,20", 5, USUAL.requests)
QUICK = Defaults("0,20", "0,10", 2, USUAL.requests // 2)


def simulate(
    *,
    start_up: Annotated[
        str | None, typer.Option(metavar="PERCENTS", help=f"Start-up reserves to try [default: {FULL.startup}]")
    ] = None,
    crisis: Annotated[
        str | None, typer.Option(metavar="PERCENTS", help=f"Crisis reserves to try [default: {FULL.crisis}]")
    ] = None,
    lending: Annotated[str, typer.Option(help="Whether the crisis reserve is lent: on, off, or both.")] = "off,on",
    seeds: Annotated[
        int | None, typer.Option(min=1, max=1000, help=f"How many years to draw [default: {FULL.seeds}]")
    ] = None,
    first_seed: Annotated[int, typer.Option(min=0, help="Number of the first of them.")] = 1,
    days: Annotated[int, typer.Option(min=180, max=1460, help="Length of the year that is measured.")] = 365,
    lines: Annotated[
        int, typer.Option(min=1, max=1000, help="Production lines: the catalogue's, then made-up ones.")
    ] = USUAL.lines,
    requests: Annotated[
        int | None, typer.Option(min=0, max=10_000, help=f"Requests in 365 days [default: {FULL.requests}]")
    ] = None,
    countermeasure: Annotated[
        str, typer.Option(help="What the crisis asks for: vector, antibody, protein, phage, or random.")
    ] = USUAL.countermeasure,
    powers: Annotated[
        str, typer.Option(help="What the crisis may call upon: reserve, voluntary, order, or none.")
    ] = "reserve,voluntary,order",
    budget: Annotated[
        float, typer.Option(min=0.001, max=1000, help="Deterministic work of the engine for each round and plan.")
    ] = USUAL.budget,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes [default: one for each processor]")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few policies and seeds, in well under a minute.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write runs.csv, runs.json, policies.csv, report.md and plots into this folder.")
    ] = None,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Whether to draw plots.")] = True,
) -> None:
    """Play a year of requests, cancellations, failures and one crisis under reserve policies, and compare them.

    Needs no database. The same options give the same figures, and the same bytes in the files, whatever the workers.

    Example: creneau simulate --start-up 0,20 --crisis 0,10,20 --lending on --seeds 5 --out simulation
    """
    usual = QUICK if quick else FULL
    chosen = policies(
        options.percents("--start-up", start_up or usual.startup),
        options.percents("--crisis", crisis or usual.crisis),
        options.lendings(lending),
    )
    options.require_room(chosen)
    plan = SimulationPlan(
        days=days,
        lines=lines,
        requests=usual.requests if requests is None else requests,
        budget=budget,
        countermeasure=options.countermeasure(countermeasure),
        powers=options.powers(powers),
    )
    experiment = Experiment(plan, chosen, tuple(range(first_seed, first_seed + (seeds or usual.seeds))))
    _carry_out(experiment, workers or os.cpu_count() or 1, out, _drawer(plots=plots and out is not None))


def _drawer(*, plots: bool) -> Drawer | None:
    """What draws the plots, found before anything is simulated."""
    if not plots:
        return None
    if find_spec("matplotlib") is None:
        raise CommandFailed("plots need matplotlib: install creneau[plots], or give --no-plots")
    from seed.simulation.plots import draw  # noqa: PLC0415 - it is no part of every installation

    return draw


def _carry_out(experiment: Experiment, workers: int, out: Path | None, draw: Drawer | None) -> None:
    if out is not None and out.exists() and not out.is_dir():
        raise CommandFailed(f"--out {out}: is not a folder")
    try:
        with stopping_signals() as stop:
            results = _play(experiment, workers, stop)
            found = summaries(results)
            outcome = Outcome(experiment, results, found, options.command_of(experiment))
            files = write_files(out, outcome, draw) if out else []
    except SimulationFailed as failure:
        raise CommandFailed(str(failure)) from failure
    except OSError as error:
        raise CommandFailed(f"--out {out}: {error.strerror or error}") from error
    except Stopped:
        typer.echo("creneau simulate: stopped; nothing was written", err=True)
        raise typer.Exit(INTERRUPTED) from None
    show(experiment, found)
    if files:
        Console(highlight=False, soft_wrap=True).print(f"{out}: {', '.join(file.name for file in files)}")


def _play(experiment: Experiment, workers: int, stop: Stop) -> list[RunResult]:
    with progress() as bar:
        task = bar.add_task("Playing years", total=len(experiment.tasks))
        return play_all(experiment, workers, lambda: bar.advance(task), stop.check)
