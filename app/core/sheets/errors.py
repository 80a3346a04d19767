"""Refusals of a file as a whole; what is wrong in a row of it is for whoever knows the rows."""

from app.core.errors import DomainError, FieldFault, Invalid

FILE = "/file"


class UnreadableFile(Invalid):
    """The file is no table that can be read; the detail says what to do about it."""

    type, title = "unreadable-file", "The file cannot be read as a table"

    @classmethod
    def because(cls, detail: str, pointer: str = FILE) -> "UnreadableFile":
        """Return the refusal, naming the file or one of its columns."""
        return cls(detail, faults=[FieldFault(pointer, detail)])


class FileTooLarge(DomainError):
    """The file, or what is packed in it, is beyond measure."""

    type, title, status = "file-too-large", "The file is too large", 413

    @classmethod
    def because(cls, detail: str) -> "FileTooLarge":
        """Return the refusal, naming the file."""
        return cls(detail, faults=[FieldFault(FILE, detail)])


class TooManyRows(Invalid):
    """A workbook of so many rows would take too long to write; CSV has no such limit."""

    type, title = "too-many-rows", "Too many rows for a workbook"
