"""Calendars over HTTP as files: in, out, and empty ones to fill in."""

from typing import Annotated

from fastapi import Query, Response

from app.capacity import calendar_export
from app.capacity.commitment_import import COMMITMENTS
from app.capacity.import_schemas import CalendarFilter, ImportReport
from app.capacity.imports import import_file
from app.capacity.slot_import import SLOTS
from app.core.http import DbSession
from app.core.routing import ApiRouter
from app.core.sheets.formats import FileQuery
from app.core.sheets.http import DOWNLOAD, DryRun, Reader, UploadedSheet, download
from app.identity.dependencies import CurrentActor, OpenedOnce, WaitingActor

router = ApiRouter(prefix="/v1", tags=["capacity"])

IMPORT_PATHS = ("/v1/slots/import", "/v1/commitments/import")
"""Where files are sent: their bodies may be larger than others."""


@router.post("/slots/import", summary="Import slots from a file", form_limits={"max_files": 1, "max_fields": 10})
async def import_slots(
    begin: OpenedOnce, reader: Reader, actor: WaitingActor, file: UploadedSheet, dry_run: DryRun
) -> ImportReport:
    """A CDMO's own slots from a CSV or XLSX file, all or nothing; tried out first, unless `dry_run` is false.

    The first row names the columns, in any order, and only those that are wanted:

        id,site,line,unit,start,end,reserve,status,releases_on,lendable,recall_notice_days,max_lent_days,divisible,approval,price_eur,agreement_id

    * `id`: the row changes that slot where it differs, and nothing else. Without: it adds a slot, unless the same one
      is there already, so that a file can be sent twice.
    * `site`, `line`, `unit`: name or identifier; what leaves no doubt may be left out. `unit_id` does for all three.
    * `start`, `end`: first day, and the day **after** the last one: 2030-01-31, or date cells. Where semicolons stand
      between the cells, 31/01/2030 too.
    * `price_eur` (decimal point or comma) or `price_cents`: of a batch. Yes and no: `true`, `false`, `vrai`, `faux`.
    * A blank cell takes away what may be missing (`releases_on`, `recall_notice_days`, `max_lent_days`, price,
      `agreement_id`); elsewhere it leaves what is, or for a new slot the default.

    CSV is in UTF-8, between commas, semicolons or tabs; of a workbook the first visible sheet is read. If a row is
    wrong, nothing is written: 422, `errors` with pointers such as `/rows/17/end` (the row as the spreadsheet shows
    it), and the whole report as the member `report`.
    """
    return await import_file(begin, reader, actor, SLOTS, file.file, dry_run=dry_run)


@router.post(
    "/commitments/import", summary="Import commitments from a file", form_limits={"max_files": 1, "max_fields": 10}
)
async def import_commitments(
    begin: OpenedOnce, reader: Reader, actor: WaitingActor, file: UploadedSheet, dry_run: DryRun
) -> ImportReport:
    """A CDMO's own busy periods from a CSV or XLSX file, all or nothing; tried out first, unless `dry_run` is false.

    The first row names the columns, in any order, and only those that are wanted:

        id,site,line,unit,start,end,kind,note

    All is as for slots; a blank `note` takes the note away, and nothing tells whose work it is.
    """
    return await import_file(begin, reader, actor, COMMITMENTS, file.file, dry_run=dry_run)


@router.get("/slots/export", summary="Export slots to a file", responses=DOWNLOAD, response_class=Response)
async def export_slots(session: DbSession, actor: CurrentActor, query: Annotated[CalendarFilter, Query()]) -> Response:
    """A CDMO's own slots in any status, as the import takes them: sent back unchanged, the file changes nothing.

    A text that a spreadsheet program would take for a formula has an apostrophe before it; the import takes it away.
    """
    return download(await calendar_export.export_slots(session, actor, query), query.format, "creneau-slots")


@router.get("/commitments/export", summary="Export commitments to a file", responses=DOWNLOAD, response_class=Response)
async def export_commitments(
    session: DbSession, actor: CurrentActor, query: Annotated[CalendarFilter, Query()]
) -> Response:
    """A CDMO's own busy periods, as the import takes them: sent back unchanged, the file changes nothing."""
    return download(
        await calendar_export.export_commitments(session, actor, query), query.format, "creneau-commitments"
    )


@router.get("/slots/import/template", summary="Get an empty file of slots", responses=DOWNLOAD, response_class=Response)
async def slot_template(_: CurrentActor, query: Annotated[FileQuery, Query()]) -> Response:
    """A file with the names of all columns and no row, to be filled in and imported."""
    return download(await calendar_export.slot_template(query), query.format, "creneau-slots-template")


@router.get(
    "/commitments/import/template",
    summary="Get an empty file of commitments",
    responses=DOWNLOAD,
    response_class=Response,
)
async def commitment_template(_: CurrentActor, query: Annotated[FileQuery, Query()]) -> Response:
    """A file with the names of all columns and no row, to be filled in and imported."""
    return download(await calendar_export.commitment_template(query), query.format, "creneau-commitments-template")
