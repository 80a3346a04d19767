"""`creneau crisis`: the report of a crisis or a drill; commands of packages above `app` join it."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.commands.failure import CommandFailed, read_settings
from app.commands.session import as_service
from app.crisis.report import report_called
from app.crisis.report_markdown import markdown
from app.crisis.report_schemas import CrisisReport, ReportFormat, ReportLanguage

EXAMPLE = "creneau crisis report 01900000-0000-7000-8000-000000000001 --language fr"

crisis = typer.Typer(
    help="Report on crises and drills, and play drills.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@crisis.callback()
def _group() -> None:
    """Report on crises and drills."""


@crisis.command(epilog=f"Example: {EXAMPLE}")
def report(
    crisis_id: Annotated[UUID, typer.Argument(metavar="CRISIS", help="Its identifier.")],
    *,
    file_format: Annotated[ReportFormat, typer.Option("--format", help="How it is written.")] = ReportFormat.MARKDOWN,
    language: Annotated[ReportLanguage, typer.Option(help="Of the words of Markdown.")] = ReportLanguage.ENGLISH,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="A file; standard output if left out.")
    ] = None,
) -> None:
    """Write timeline, powers, doses, displacements, costs and signatures of a crisis; needs DATABASE_URL."""

    async def read(session: AsyncSession) -> CrisisReport:
        return await report_called(session, crisis_id)

    found = as_service(read_settings(), read)
    is_json = file_format is ReportFormat.JSON
    text = f"{found.model_dump_json(indent=2)}\n" if is_json else markdown(found, language)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written: {error.strerror}") from None
