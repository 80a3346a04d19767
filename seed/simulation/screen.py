"""What a simulation shows on the terminal: a bar while it runs, and the table of policies at its end."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from seed.simulation.batch import Experiment
from seed.simulation.columns import POLICY_HEADINGS, cells, headings, policy_cells
from seed.simulation.summary import Summary

PAGE_COLUMNS = 160
"""Width of the table where it does not go to a terminal."""


def progress() -> Progress:
    """A bar on standard error, for what is to be piped is the table alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def show(experiment: Experiment, found: Sequence[Summary]) -> None:
    """Print the table: a policy a row, each figure the median over the seeds."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PAGE_COLUMNS
    table = Table(title=title(experiment), title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in (*POLICY_HEADINGS, *headings()):
        table.add_column(heading, justify="right")
    before = None
    for summary in found:
        if before not in {None, summary.policy.startup_percent}:
            table.add_section()
        before = summary.policy.startup_percent
        table.add_row(*policy_cells(summary), *cells(summary, with_spread=False))
    console.print(table)
    console.print(
        "Medians over the seeds. Prices, fees, yields and times are illustrative, as are the figures of the crisis: "
        "compare policies, and take no figure for a forecast."
    )


def title(experiment: Experiment) -> str:
    """What was simulated, in a line."""
    plan = experiment.plan
    return (
        f"{len(experiment.policies)} policies x {len(experiment.seeds)} seeds: {plan.days} days, {plan.lines} lines, "
        f"{plan.requests} requests a year, countermeasure: {plan.countermeasure}"
    )
