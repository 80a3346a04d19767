"""Files over HTTP: sent as a form, answered as a download."""

import os
from collections.abc import Iterator
from typing import IO, Annotated, Any

from fastapi import Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

from app.core.clock import today
from app.core.errors import Invalid
from app.core.sheets.formats import FileFormat
from app.core.sheets.reading import SheetReader

MEDIA_TYPES = {
    FileFormat.CSV: "text/csv",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_CHUNK_BYTES = 1 << 16
_BINARY = {"schema": {"type": "string", "format": "binary"}}

DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {MEDIA_TYPES[FileFormat.CSV]: {"schema": {"type": "string"}}, MEDIA_TYPES[FileFormat.XLSX]: _BINARY},
    }
}
"""How an operation that answers a file describes it."""

UploadedSheet = Annotated[
    UploadFile, File(description="A table, CSV or XLSX by its content; its first row names the columns")
]
"""A file sent in the field `file` of a form."""

_DRY_RUN = "Tell what would change, and write nothing: this is the default. In the address or in the form"


def _dry_run(
    in_query: Annotated[bool | None, Query(alias="dry_run", description=_DRY_RUN)] = None,
    in_form: Annotated[bool | None, Form(alias="dry_run", description=_DRY_RUN)] = None,
) -> bool:
    """Return whether nothing is to be written, which is so unless it is said otherwise."""
    if in_query is not None and in_form is not None and in_query is not in_form:
        raise Invalid.field("dry_run", "The address says one thing, the form another: say it once.")
    return next((said for said in (in_query, in_form) if said is not None), True)


DryRun = Annotated[bool, Depends(_dry_run)]
"""Whether an import is only tried out."""


def _reader(request: Request) -> SheetReader:
    reader: SheetReader = request.app.state.sheet_reader
    return reader


Reader = Annotated[SheetReader, Depends(_reader)]
"""What reads the files that are sent to this application."""


def download(file: IO[bytes], file_format: FileFormat, name: str) -> StreamingResponse:
    """Answer a file, which is closed when it has left; its name ends with the day of today."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return StreamingResponse(
        _chunks(file),
        media_type=MEDIA_TYPES[file_format],
        headers={
            "Content-Disposition": f'attachment; filename="{name}-{today()}.{file_format.value}"',
            "Content-Length": str(size),
            "Cache-Control": "no-store",
        },
        background=BackgroundTask(file.close),
    )


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
