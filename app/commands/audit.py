"""`creneau audit`: the trail checked, exported, and its checkpoints."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from app.audit.checking import Checker
from app.audit.digested import document_faults
from app.audit.files import faults_of, lines_of, witnesses_in
from app.audit.seals import Checkpoint, Item, SealedRecord
from app.audit.trail import (
    LONGEST_UNSEALED_MINUTES,
    checkpoints_of,
    extent_of,
    faults_beside,
    read_trail,
    unsealed_records,
    value_faults,
)
from app.commands.failure import CommandFailed, read_settings
from app.commands.session import as_service, reading_application
from app.core.database import DATABASE_FAILURES, SessionFactory, transaction

EXAMPLE = "creneau audit verify --checkpoints kept.jsonl"
FAULTY = 1
NOT_CHECKED = 2

KeptFile = Annotated[
    Path | None,
    typer.Option(
        "--checkpoints",
        exists=True,
        dir_okay=False,
        help="An earlier export, the output of `creneau audit checkpoints`, or lines of the worker's log with a "
        "`trail_digest`, kept elsewhere: shows a tail cut since, and joins an export to the one before it.",
    ),
]
TrailFile = Annotated[
    Path | None,
    typer.Option("--file", exists=True, dir_okay=False, help="Check this export, with no database."),
]
Minutes = Annotated[
    float, typer.Option("--unsealed-minutes", min=0, help="How long a record may wait for its seal; longer is a fault.")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", dir_okay=False, help="The file to write; standard output if left out.")
]
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]

Advance = Callable[[int], None]

audit = typer.Typer(
    help="Check that the audit trail is whole and unaltered, and export it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@audit.command(epilog="Example: creneau audit verify --checkpoints kept.jsonl")
def verify(
    *, checkpoints: KeptFile = None, file: TrailFile = None, unsealed_minutes: Minutes = LONGEST_UNSEALED_MINUTES
) -> None:
    """Recompute the sealed trail, and name each fault; needs DATABASE_URL, or a file.

    Ends with 0 if it is sound, with 1 if there are faults, and with 2 if it could not be checked.
    """
    checker = Checker(witnesses=_kept(checkpoints), is_file=file is not None)
    try:
        faults = _verify_database(checker, unsealed_minutes) if file is None else _verify_file(checker, file)
    except (CommandFailed, KeyboardInterrupt, *DATABASE_FAILURES) as failure:
        reason = _reason(failure) or "interrupted"
        typer.echo(f"creneau: the trail could not be checked: {reason}", err=True)
        raise typer.Exit(NOT_CHECKED) from None
    if faults:
        typer.echo(f"The trail has {faults} fault{'s' if faults > 1 else ''}.")
        raise typer.Exit(FAULTY)
    typer.echo(_sound(checker))


def _sound(checker: Checker) -> str:
    through = checker.reached.sequence if checker.reached else 0
    begun = f" from behind seal {checker.begins_after}" if checker.begins_after else ""
    begun += ", which a kept checkpoint tells of" if checker.is_joined else ""
    return f"The trail is sound{begun}: {checker.records} records, up to seal {through}."


def _kept(path: Path | None) -> dict[int, Checkpoint]:
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            return witnesses_in(lines)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path} is no file of checkpoints: {error}", param_hint="--checkpoints") from None


def _verify_file(checker: Checker, path: Path) -> int:
    try:
        with (
            path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines,
            _progress(path.stat().st_size) as advance,
        ):
            return _tell(faults_of(_counted(lines, advance), checker))
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from None


def _counted(lines: IO[str], advance: Advance) -> Iterator[str]:
    for line in lines:
        advance(len(line))
        yield line


def _reason(failure: BaseException) -> str:
    """Return in one line why something failed: of the database its own words, without the statement."""
    return " ".join(str(getattr(failure, "orig", None) or failure).split())


def _verify_database(checker: Checker, unsealed_minutes: float) -> int:
    async def check(sessions: SessionFactory) -> int:
        faults = 0
        async with transaction(sessions) as session:
            extent = await extent_of(session)
        with _progress(extent.records) as advance:
            async for item in read_trail(sessions, extent):
                faults += _tell(checker.take(item))
                if isinstance(item, SealedRecord):
                    advance(1)
        faults += _tell(checker.end())
        async with transaction(sessions) as session:
            unsealed = await unsealed_records(session)
            faults += _tell(await faults_beside(session, unsealed, unsealed_minutes))
            for beside in (value_faults, document_faults):
                faults += _tell([fault async for fault in beside(session)])
        waited = f", the oldest of them for {unsealed.waited_seconds:.0f} s" if unsealed.records else ""
        typer.echo(f"{unsealed.records} records are not sealed yet{waited}.")
        return faults

    return reading_application(read_settings(), check)


def _tell(faults: Iterable[str]) -> int:
    count = 0
    for fault in faults:
        typer.echo(fault)
        count += 1
    return count


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """Show on a terminal, and nowhere else, how far it has come."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as display:
        task = display.add_task("the trail", total=total)
        yield lambda steps: display.advance(task, steps)


@audit.command(epilog="Example: creneau audit export --from 2030-01-01 --to 2030-02-01 -o january.jsonl")
def export(
    *,
    output: Output = None,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=FORMATS, help="UTC unless it says its offset.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=FORMATS, help="Before this; UTC likewise.")] = None,
) -> None:
    """Write the sealed trail as JSON Lines, whole or the seals with records of some time; needs DATABASE_URL.

    `creneau audit verify --file` checks the file with no database, and anyone can with the SHA-256 of its lines.
    """
    begin, before = _in_utc(start), _in_utc(end)
    if begin and before and begin >= before:
        raise typer.BadParameter("it must be later than --from", param_hint="--to")

    async def write(sessions: SessionFactory) -> None:
        async with transaction(sessions) as session:
            extent = await extent_of(session, begin, before)
        with _target(output) as target, _progress(extent.records) as advance:
            async for line in lines_of(_advancing(read_trail(sessions, extent), advance)):
                target.write(f"{line}\n".encode())

    with _told_in_a_line():
        reading_application(read_settings(), write)


@audit.command(epilog="Example: creneau audit checkpoints > kept.jsonl")
def checkpoints() -> None:
    """Print the checkpoints and the state of the last seal, to be kept elsewhere; needs DATABASE_URL."""
    with _told_in_a_line():
        kept = as_service(read_settings(), checkpoints_of)
    for one in kept:
        typer.echo(one.line)


@contextmanager
def _told_in_a_line() -> Iterator[None]:
    try:
        yield
    except DATABASE_FAILURES as error:
        raise CommandFailed(f"the trail could not be read: {_reason(error)}") from error


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


async def _advancing(items: AsyncIterator[Item], advance: Advance) -> AsyncIterator[Item]:
    async for item in items:
        yield item
        if isinstance(item, SealedRecord):
            advance(1)


@contextmanager
def _target(output: Path | None) -> Iterator[IO[bytes]]:
    """Give a file to write: under its name once it is whole, for there may be an older one that is still needed."""
    try:
        if output is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        part = output.with_name(f"{output.name}.part")
        with part.open("wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        part.replace(output)
    except OSError as error:
        raise CommandFailed(f"{output or 'standard output'} cannot be written: {error.strerror}") from None
