"""What an import answers, row by row."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.schemas import Day
from app.core.sheets.formats import FileQuery

Shown = date | UUID | bool | int | str | None


class RowAction(StrEnum):
    """What becomes of a row of a file."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class FieldChange(BaseModel):
    """A field that a row sets: what it was, null for a new object, and what it becomes."""

    field: str = Field(examples=["end"])
    before: Shown
    after: Shown


class RowFault(BaseModel):
    """A cell of a refused row, and the rule that it breaks."""

    column: str = Field(description="As the header names it", examples=["end"])
    rule: str = Field(examples=["end (2030-01-01) must be after start (2030-02-01)"])
    value: str | None = Field(description="What the cell holds; null if it is blank or there is none")


class RowRead(BaseModel):
    """A row of the file, and what becomes of it."""

    row: int = Field(description="As the spreadsheet program numbers it; the header is most often row 1")
    action: RowAction
    id: UUID | None = Field(description="Of what is changed or stays; of what is added, once it is written")
    changes: list[FieldChange]
    faults: list[RowFault]


class ImportCounts(BaseModel):
    """How many rows have which action."""

    create: int = 0
    update: int = 0
    unchanged: int = 0
    refused: int = 0


class ImportReport(BaseModel):
    """What a file changes, row by row; of a refused file, member `report` of the problem."""

    dry_run: bool
    written: bool = Field(description="False for a dry run, and for a file that is refused: it is all or nothing")
    format: str = Field(description="`csv` or `xlsx`, by the file's content")
    sheet: str | None = Field(description="The sheet that was read: the first visible one of a workbook")
    columns: list[str]
    counts: ImportCounts
    rows: list[RowRead]


class CalendarFilter(FileQuery):
    """Which part of one's own calendar goes into a file: all of it, unless narrowed."""

    site_id: UUID | None = None
    line_id: UUID | None = None
    unit_id: UUID | None = None
    start: Day | None = Field(default=None, description="What has a day on or after this one")
    end: Day | None = Field(default=None, description="What has a day before this one")
