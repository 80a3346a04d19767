"""`creneau privacy`: what is held of a person, its erasure, and what is past its time."""

import os
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.commands.failure import CommandFailed, read_settings
from app.commands.session import as_service
from app.privacy import service
from app.privacy.models import Erasure, ErasureReason
from app.privacy.schemas import Export

EXAMPLE = "creneau privacy export a.martin@example.org -o a-martin.json"

Who = Annotated[str, typer.Argument(metavar="PERSON", help="Their address, or their identifier.")]

privacy = typer.Typer(
    help="Give out or erase what is held of a person, and see what is past its time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@privacy.command(epilog="Example: creneau privacy export a.martin@example.org -o a-martin.json")
def export(
    person: Who,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="A new file; standard output if left out.")
    ] = None,
) -> None:
    """Write all that is held of a person as JSON, with why and how long; needs DATABASE_URL."""

    async def read(session: AsyncSession) -> Export:
        return await service.export_person(session, await service.person_called(session, person))

    document = as_service(read_settings(), read).model_dump_json(indent=2)
    if output is None:
        typer.echo(document)
        return
    try:
        with open(output, "x", encoding="utf-8", opener=_private) as target:
            target.write(f"{document}\n")
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written: {error.strerror}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@privacy.command(epilog="Example: creneau privacy erase a.martin@example.org --reason asked_by_person")
def erase(
    person: Who,
    *,
    reason: Annotated[ErasureReason, typer.Option(help="Why; it is recorded.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase what names a person, for good, the audit trail included, which stays sealed; needs DATABASE_URL.

    Refused, with the rule, while a legal duty needs to know who it was.
    """
    if not yes:
        typer.confirm(f"Erase {person} for good?", abort=True)

    async def act(session: AsyncSession) -> Erasure:
        return await service.erase_person(session, await service.person_called(session, person), reason)

    done = as_service(read_settings(), act)
    counted = ", ".join(f"{table} {count}" for table, count in sorted(done.rows.items()))
    typer.echo(f"Erased {done.person_id}: {counted}.")


@privacy.command(epilog="Example: creneau privacy retention --apply")
def retention(
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Erase what is past its time now; workers do so hourly.")
    ] = False,
) -> None:
    """Show how long what is kept, and who is past their time; needs DATABASE_URL."""
    settings = read_settings()
    typer.echo(f"People: {settings.person_retention_days} days after they were deactivated (PERSON_RETENTION_DAYS).")
    typer.echo(f"Invitations: {settings.invitation_retention_days} days after their end (INVITATION_RETENTION_DAYS).")
    typer.echo(
        f"But {settings.batch_record_years} years after a batch that they decided on (BATCH_RECORD_YEARS), and"
        f" {settings.crisis_record_years} after a signature in a crisis (CRISIS_RECORD_YEARS)."
    )
    for one in as_service(settings, service.past_their_time):
        rules = ", ".join(f"{duty.rule.value} until {duty.until_on or 'it is over'}" for duty in one.duties)
        typer.echo(f"{one.person_id}: {f'kept: {rules}' if rules else 'due'}")
    done = 0
    while apply and (some := as_service(settings, service.forget_past)):
        done += some
    if apply:
        typer.echo(f"{done} erased.")
