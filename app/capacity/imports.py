"""Files of calendars, taken in: read with no transaction open, judged and written in one."""

from typing import BinaryIO

from app.capacity.import_flow import Draft, Kind, import_sheet
from app.capacity.import_repository import Entry
from app.capacity.import_schemas import ImportReport
from app.core.database import Opening
from app.core.sheets.reading import SheetReader
from app.identity.actor import Actor
from app.identity.models import Role


async def import_file(
    begin: Opening,
    reader: SheetReader,
    actor: Actor,
    kind: Kind[Entry, Draft],
    file: BinaryIO,
    *,
    dry_run: bool,
) -> ImportReport:
    """Return what a file changes in the actor's own calendar, after it is written unless this is a dry run.

    Parameters
    ----------
    begin
        Begins the transaction in which it is judged and written: once the file is read, which may take long.

    Raises
    ------
    UnreadableFile, FileTooLarge
        If the file is no table that can be taken.
    ImportRefused
        If a row is wrong: then nothing is written.
    """
    actor.require(Role.CDMO_PLANNER)
    sheet = await reader.read(file)
    return await import_sheet(await begin(), actor, kind, sheet, dry_run=dry_run)
