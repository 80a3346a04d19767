"""What the engine says of a plan, asked in a child process on the stored problem and solution."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from app.allocation.engine import DONE, Engine, EngineFailed, Limits
from app.allocation.errors import StatementFailed

MOST_AT_ONCE = 2
PATIENCE_SECONDS = 10.0

Document = dict[str, Any]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Case:
    """A plan to be asked about: its files, by name and content."""

    problem: Document
    solution: Document
    beside: Mapping[str, Mapping[str, Any]]


async def asked(
    limits: Limits, case: Case, command: str, *arguments: str, seconds: float, well: frozenset[int] = DONE
) -> Document:
    """Return what a command on a problem and its solution writes.

    Raises
    ------
    EngineFailed
        It did not end well, or not in time.
    EngineStopped
        It was given up.
    """
    files = {"problem.json": case.problem, "solution.json": case.solution, **case.beside}
    with tempfile.TemporaryDirectory(prefix=f"creneau-{command}-") as name:
        engine = Engine(Path(name), limits)
        for file, content in files.items():
            await asyncio.to_thread(engine.write, file, content)
        said = ("problem.json", "solution.json", *arguments, "--json", "-o", "said.json")
        await engine.run(command, *said, seconds=seconds, well=well)
        return await asyncio.to_thread(engine.read, "said.json")


class Desk:
    """Where the engine is asked while somebody waits: few at a time, for each takes a processor and its memory."""

    def __init__(self, memory_bytes: int) -> None:
        self.limits = Limits(memory_bytes)
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Limits]:
        """Give a place at the desk; what the engine does not come to say is a refusal, to be asked for again.

        Raises
        ------
        StatementFailed
            If no place is free in time, or the engine fails.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise StatementFailed("Many plans are being asked about just now. Send the same request again.") from None
        try:
            yield self.limits
        except EngineFailed as error:
            log.warning("statement_failed", error=str(error))
            raise StatementFailed("The engine did not come to a statement. Send the same request again.") from error
        finally:
            self._places.release()
