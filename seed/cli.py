"""The command `creneau seed`: the real catalogue, scenarios, and problem files."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.commands.failure import CommandFailed, owned_database_of, read_settings
from app.core.constraints import UNDEFINED_TABLE, sqlstate_of
from seed.csv_rows import MalformedRow
from seed.demo_keys import NoHolder
from seed.loader import AlreadySeeded
from seed.loading import LoadPlan, LoadReport
from seed.loading import load as load_database
from seed.problems import ProblemKind, ProblemPlan, write_problem
from seed.scenario.sizes import SizeName

_PROBLEM_AS_OF = "2027-01-01"
"""Problem files reason from a fixed day, so that the same command writes the same file on any day."""

cli = typer.Typer(
    name="seed",
    help="The real catalogue, scenarios for trying the service out, and problem files for the engine.",
    epilog="Example: creneau seed load --size demo --if-empty",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Size = Annotated[SizeName, typer.Option(help="How large the scenario is.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed number: the same number gives the same scenario.")]


Day = typer.Option(metavar="DAY", help="Day from which the scenario reasons, such as 2027-01-31.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"--as-of {text}: there is no such day; write one as 2027-01-31") from None


@cli.command(epilog="Example: creneau seed load --size demo --if-empty --keys-file var/demo-keys.json")
def load(
    *,
    size: Size = SizeName.DEMO,
    seed: Seed = 1,
    as_of: Annotated[str | None, Day] = None,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing if the database is already seeded.")] = False,
    keys_file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write demonstration keys here, one for each role (mode 0600).")
    ] = None,
    catalogue_only: Annotated[
        bool, typer.Option("--catalogue-only", help="Load the real catalogue, and no scenario.")
    ] = False,
) -> None:
    """Load the real catalogue and a scenario into an empty database, all of it or nothing.

    Runs under DATABASE_OWNER_URL, on a database that `creneau migrate` has brought to the present schema.
    """
    plan = LoadPlan(
        size=None if catalogue_only else size,
        seed=seed,
        as_of=_day(as_of) if as_of else datetime.now(UTC).date(),
        if_empty=if_empty,
        keys_file=keys_file,
    )
    settings = read_settings()
    owned_database_of(settings)
    try:
        report = asyncio.run(load_database(settings, plan))
    except (MalformedRow, AlreadySeeded, NoHolder) as error:
        raise CommandFailed(str(error)) from error
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        if isinstance(error, DBAPIError) and sqlstate_of(error) == UNDEFINED_TABLE:
            raise CommandFailed("the database has no tables yet: run `creneau migrate` first") from error
        raise CommandFailed(f"nothing was loaded: {' '.join(str(error).split())[:300]}") from error
    _tell(report, plan)


def _tell(report: LoadReport, plan: LoadPlan) -> None:
    console = Console(highlight=False)
    if report.rows:
        what = f"Scenario {plan.size}, seed {plan.seed}, from {plan.as_of}" if plan.size else "Real catalogue"
        table = Table("Table", "Rows", title=what, title_justify="left")
        table.columns[1].justify = "right"
        for name, count in report.rows.items():
            if count:
                table.add_row(name.replace("_", " "), f"{count:,}")
        console.print(table)
    if report.new_keys:
        console.print(f"Demonstration keys: {plan.keys_file}")


@cli.command(epilog="Example: creneau seed problem --size contested --seed 1 -o problem.json")
def problem(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="File to write.")],
    size: Size = SizeName.CONTESTED,
    seed: Seed = 1,
    kind: Annotated[ProblemKind, typer.Option(help="What is to be decided.")] = ProblemKind.ROUND,
    objectives: Annotated[
        str | None,
        typer.Option(help="Names in strict order, separated by commas; a default for each kind.", metavar="NAMES"),
    ] = None,
    as_of: Annotated[str, Day] = _PROBLEM_AS_OF,
) -> None:
    """Write a problem file for the engine from a scenario, without a database."""
    names = tuple(name.strip() for name in objectives.split(",")) if objectives else None
    try:
        summary = write_problem(output, ProblemPlan(kind, size, seed, _day(as_of), names))
    except (OSError, ValueError) as error:
        raise CommandFailed(str(error)) from error
    Console(highlight=False).print(f"{output}: {summary}")
