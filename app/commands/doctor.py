"""`creneau doctor`: what is right with a deployment, what is not, and what to do next."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.commands.failure import read_settings
from app.doctor.deployment import Deployment
from app.doctor.examination import Result, examine
from app.doctor.findings import Level

EXAMPLE = "creneau doctor --json"
_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "bold red"}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Local = Annotated[bool, typer.Option("--local", help="Judge what serves one person on one machine, as `up` does.")]
DataDir = Annotated[
    Path, typer.Option(envvar="DATA", file_okay=False, help="The data folder of `creneau up`, whose disk is looked at.")
]


def doctor(*, as_json: AsJson = False, local: Local = False, data_dir: DataDir = Path("var")) -> None:
    """Check this deployment, and say of each thing whether it is right, and what to do next.

    Looks at the environment and at the database of DATABASE_URL as `serve` and `worker` would, changes nothing, and
    prints no secret. Ends with 1 if there is a fault; warnings alone end with 0.
    """
    settings = read_settings()
    deployment = Deployment(settings, data_dir.expanduser().absolute(), is_local=local or settings.creneau_local)
    results = asyncio.run(examine(deployment))
    if as_json:
        typer.echo(json.dumps([_document(one) for one in results], indent=2, ensure_ascii=False))
    else:
        _tell(results, Console(highlight=False))
    raise typer.Exit(int(any(one.finding.level is Level.FAULT for one in results)))


def _document(result: Result) -> dict[str, str]:
    finding = result.finding
    return {"check": result.check, "level": finding.level.value, "fact": finding.fact, "advice": finding.advice}


def _tell(results: Sequence[Result], console: Console) -> None:
    """Print a table on a terminal, else a line for each finding."""
    if console.is_terminal:
        table = Table("", "check", "what was found, and what to do next", box=None, pad_edge=False)
        for check, finding in results:
            words = Text.assemble(finding.fact, (f"\n→ {finding.advice}" if finding.advice else "", "dim"))
            table.add_row(Text(finding.level.value, _COLOURS[finding.level]), check, words)
        console.print(table)
    else:
        for check, finding in results:
            typer.echo(f"{finding.level.value}\t{check}\t{' '.join((finding.fact, finding.advice)).strip()}")
    of = {level: sum(one.finding.level is level for one in results) for level in Level}
    typer.echo(f"Faults: {of[Level.FAULT]}, warnings: {of[Level.WARNING]}, as it should be: {of[Level.OK]}.")
