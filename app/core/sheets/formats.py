"""What kinds of files there are, and how one is asked for."""

from enum import StrEnum, auto

from pydantic import BaseModel, Field


class FileFormat(StrEnum):
    """A kind of file."""

    CSV = auto()
    XLSX = auto()


class Delimiter(StrEnum):
    """What stands between the cells of a CSV file.

    `comma`: RFC 4180, with decimal points. `semicolon`: as Excel opens it in French, with decimal commas and a mark
    of UTF-8 before the text.
    """

    COMMA = auto()
    SEMICOLON = auto()


class FileQuery(BaseModel):
    """The kind of file wanted."""

    format: FileFormat = FileFormat.CSV
    delimiter: Delimiter = Field(
        default=Delimiter.COMMA,
        description="Of CSV. `semicolon` opens well in Excel in French: decimal commas, and UTF-8 marked as such",
    )
