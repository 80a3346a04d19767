"""`creneau export`: calendars and the ledger as files."""

import shutil
import sys
from enum import StrEnum, auto
from pathlib import Path
from typing import IO, Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings.ledger_export import export_charges
from app.capacity.calendar_export import commitments_of, slots_of
from app.capacity.import_schemas import CalendarFilter
from app.commands.failure import CommandFailed
from app.commands.session import as_owner
from app.core.sheets.formats import Delimiter, FileFormat
from app.identity.service import organisation_named

EXAMPLE = 'creneau export slots --organisation "Usine SA" --format xlsx --output slots.xlsx'


class Content(StrEnum):
    """What goes into the file."""

    SLOTS = auto()
    COMMITMENTS = auto()
    CHARGES = auto()


def export(
    content: Annotated[Content, typer.Argument(help="What goes into the file.")],
    organisation: Annotated[
        str | None, typer.Option(help="Exact name of whose it is; of charges, all there are if left out.")
    ] = None,
    file_format: Annotated[FileFormat, typer.Option("--format", help="The kind of file.")] = FileFormat.CSV,
    delimiter: Annotated[
        Delimiter, typer.Option(help="Of CSV; `semicolon` opens well in Excel in French.")
    ] = Delimiter.COMMA,
    output: Annotated[Path | None, typer.Option(help="The file to write; standard output if left out.")] = None,
) -> None:
    """Write slots, commitments or charges to a file, as the service answers it; runs under DATABASE_OWNER_URL."""
    if organisation is None and content is not Content.CHARGES:
        raise CommandFailed(f"whose {content.value}? name the organisation with --organisation")

    async def make(session: AsyncSession) -> IO[bytes]:
        owner = None if organisation is None else (await organisation_named(session, organisation)).id
        if owner is None or content is Content.CHARGES:
            return await export_charges(session, owner, file_format, delimiter)
        make_file = slots_of if content is Content.SLOTS else commitments_of
        return await make_file(session, owner, CalendarFilter(format=file_format, delimiter=delimiter))

    with as_owner(make) as file:
        try:
            if output is None:
                shutil.copyfileobj(file, sys.stdout.buffer)
            else:
                with output.open("wb") as target:
                    shutil.copyfileobj(file, target)
        except OSError as error:
            raise CommandFailed(f"{output or 'standard output'} cannot be written: {error.strerror}") from None
