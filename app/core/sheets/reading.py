"""A file that somebody sent, read as a table by a process with limits: whatever is in it, the service lives on."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO, NamedTuple

import structlog

from app.core.errors import Busy
from app.core.processes import tethered
from app.core.settings import Settings
from app.core.sheets.errors import FileTooLarge, UnreadableFile
from app.core.sheets.text import restored

MAX_COLUMNS = 64
AT_ONCE = 2
WAIT_SECONDS = 15.0
OUT_OF_MEMORY = frozenset({-signal.SIGABRT, -signal.SIGKILL})
"""How a program ends that was refused memory by its limit, or killed for the machine's sake."""

log = structlog.get_logger(__name__)


class Odd(NamedTuple):
    """A cell that is neither text, number, boolean nor day, in words: a time of day, an error."""

    text: str


Cell = str | int | float | bool | date | Odd | None
"""What a cell holds; None is a blank one."""


class SheetRow(NamedTuple):
    """A row that holds anything, under the number that a spreadsheet program shows."""

    number: int
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: the cells of its first row, and the rows below it.

    `day_first`: a date such as 31/01/2030 says its day first, for certain.
    """

    format: str
    name: str | None
    day_first: bool
    header: list[Cell]
    rows: list[SheetRow]


class SheetReader:
    """Reads files, a few at a time, each in a process of its own that ends with this one."""

    def __init__(self, settings: Settings) -> None:
        self._max_bytes, self._max_rows = settings.import_max_bytes, settings.import_max_rows
        self._memory_bytes, self._seconds = settings.import_memory_bytes, settings.import_seconds
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def read(self, file: BinaryIO) -> Sheet:
        """Return the table in a file, CSV or XLSX by its content.

        Raises
        ------
        UnreadableFile
            If it is no such table, or too large a one.
        FileTooLarge
            If it is too large, packed or unpacked.
        Busy
            If others are being read for so long that this one had no turn.
        """
        if file.seek(0, os.SEEK_END) > self._max_bytes:
            raise FileTooLarge.because(f"The file is larger than {self._max_bytes} bytes: send it in parts.")
        file.seek(0)
        async with self._turn():
            said = await self._run(file)
        return sheet_of(said)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise Busy("Other files are being read. Send the same request again.") from None
        try:
            yield
        finally:
            self._turns.release()

    async def _run(self, file: BinaryIO) -> dict[str, Any]:
        """Return what the program says of a file; that it breaks its limits is said of the file, too."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = await asyncio.create_subprocess_exec(
                *tethered([sys.executable, "-P", "-m", "app.core.sheets.program", *self._arguments()]),
                stdin=file,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
            ended = await self._ended(process)
            if ended and process.returncode == 0:
                output.seek(0)
                said: dict[str, Any] = await asyncio.to_thread(json.load, output)
                return said
            errors.seek(0)
            words = errors.read(2_000).decode(errors="replace")
        log.warning("file_not_read", ended=ended, code=process.returncode, said=words)
        if not ended or process.returncode == -signal.SIGXCPU:
            raise FileTooLarge.because("The file takes too long to read: send a smaller or simpler one.")
        if process.returncode in OUT_OF_MEMORY or "MemoryError" in words:
            raise FileTooLarge.because(
                "Reading the file takes more memory than there is for one: clear what lies far outside the table, or"
                " send it as CSV."
            )
        raise UnreadableFile.because("The file is damaged: open it, save it again as .xlsx or CSV, and send that.")

    def _arguments(self) -> list[str]:
        return [str(one) for one in (self._memory_bytes, int(self._seconds) + 1, self._max_rows, MAX_COLUMNS)]

    async def _ended(self, process: Process) -> bool:
        """Tell whether the program ended in time; it is gone in any case."""
        try:
            async with asyncio.timeout(self._seconds):
                await process.wait()
        except TimeoutError:
            return False
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return True


def sheet_of(said: Mapping[str, Any]) -> Sheet:
    """Return the table in what the program says of a file.

    Raises
    ------
    UnreadableFile, FileTooLarge
        If it says that there is none.
    """
    if "refused" in said:
        error = FileTooLarge if said["refused"] == "too-large" else UnreadableFile
        raise error.because(said["detail"])
    rows = [SheetRow(number, [_cell(one) for one in cells]) for number, cells in said["rows"]]
    header = [_cell(one) for one in said["header"]]
    return Sheet(said["format"], said["sheet"], said["day_first"], header, rows)


def _cell(value: Any) -> Cell:
    if isinstance(value, dict):
        return date.fromisoformat(value["day"]) if "day" in value else Odd(value["odd"])
    if isinstance(value, str):
        return restored(value)
    cell: int | float | bool | None = value
    return cell
