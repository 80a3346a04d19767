"""`creneau jobs`: what workers do, what waits for them, and what waits for people."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.commands.failure import CommandFailed, read_settings
from app.commands.session import as_service
from app.core.clock import now
from app.core.jobs import JobState
from app.jobs.faults import headline
from app.jobs.models import JobAttempt
from app.jobs.service import JobView, drop_job, get_job, list_jobs, retry_all, retry_job

EXAMPLE = "creneau jobs list --state parked"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
JobId = Annotated[int, typer.Argument(min=1, metavar="ID", help="Number of the job, as the list has it.")]
JobIdOrNone = Annotated[int | None, typer.Argument(min=1, metavar="[ID]", help="Number of the job.")]
Kind = Annotated[str | None, typer.Option(help="All parked jobs of this kind, as after an outage.")]
State = Annotated[JobState | None, typer.Option(help="Only jobs in this state.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many jobs at most.")]

jobs = typer.Typer(
    help="Look at jobs, try again or drop those that are parked; alone it lists them. Needs DATABASE_URL.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

Done = TypeVar("Done")


def _do(act: Callable[[AsyncSession], Awaitable[Done]]) -> Done:
    return as_service(read_settings(), act)


@jobs.callback(invoke_without_command=True)
def start(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the jobs, unless a command says otherwise."""
    if context.invoked_subcommand is None:
        show_list(as_json=as_json)


@jobs.command("list", epilog="Example: creneau jobs list --state parked --json")
def show_list(*, state: State = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List jobs: the parked ones first, then what runs, what waits, and what is over."""
    found = _do(lambda session: list_jobs(session, state=state, limit=limit))
    if as_json:
        _print_json([_document(job) for job in found])
        return
    table = Table("id", "kind", "subject", "state", "attempt", "age", "worker", "error", box=None, pad_edge=False)
    for job in found:
        table.add_row(*(escape(cell) for cell in _cells(job)))
    Console().print(table if found else "There are no such jobs." if state else "There are no jobs.")


@jobs.command(epilog="Example: creneau jobs show 42")
def show(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show a job and every attempt at it: when, by which worker, how it ended, and of what."""
    job, attempts = _do(lambda session: get_job(session, job_id))
    if as_json:
        _print_json({**_document(job), "attempts": [_attempt(one) for one in attempts]})
        return
    console = Console(highlight=False)
    console.print(f"Job {job.id}: {job.kind} of {job.subject_id}, {_state(job)}, {_age(job)} old", markup=False)
    for one in attempts:
        console.print("\n" + "\n".join(_lines(one)), markup=False)


@jobs.command(epilog="Example: creneau jobs retry 42, or creneau jobs retry --kind letter")
def retry(job_id: JobIdOrNone = None, *, kind: Kind = None, as_json: AsJson = False) -> None:
    """Put a parked job, or all of a kind, back into the queue, with all their tries before them."""
    author = Author.of_job("jobs_retry")
    if (job_id is None) == (kind is None):
        raise CommandFailed("say which: the number of a job, or --kind for all that are parked of a kind")
    if job_id is not None:
        _changed(_do(lambda session: retry_job(session, author, job_id)), as_json=as_json)
        return
    count = _do(lambda session: retry_all(session, author, str(kind)))
    if as_json:
        _print_json({"kind": kind, "retried": count})
    else:
        typer.echo(f"{count} of kind {kind} {'is' if count == 1 else 'are'} waiting again.")


@jobs.command(epilog='Example: creneau jobs drop 42 --reason "The crisis has ended"')
def drop(
    job_id: JobId,
    *,
    reason: Annotated[str, typer.Option(help="Why it need not be done; kept in the audit trail.")],
    as_json: AsJson = False,
) -> None:
    """Take a parked job out of the queue for good."""
    if not reason.strip():
        raise CommandFailed("--reason is empty: say why the job need not be done")
    author = Author.of_job("jobs_drop")
    _changed(_do(lambda session: drop_job(session, author, job_id, reason.strip()[:2000])), as_json=as_json)


def _changed(job: JobView, *, as_json: bool) -> None:
    if as_json:
        _print_json(_document(job))
    else:
        typer.echo(f"Job {job.id} is {job.state.value}.")


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _document(job: JobView) -> dict[str, Any]:
    document: dict[str, Any] = to_jsonable_python(job)
    return document


def _attempt(attempt: JobAttempt) -> dict[str, Any]:
    return attempt.model_dump(mode="json", exclude={"id", "job_id", "kind", "subject_id"})


def _lines(attempt: JobAttempt) -> list[str]:
    ended = "runs"
    if attempt.outcome is not None and attempt.finished_at is not None:
        ended = f"{attempt.outcome.value} after {_span(attempt.finished_at - attempt.started_at)}"
    error = [headline(attempt.error) or "", *attempt.error["trace"]] if attempt.error else []
    return [
        f"Attempt {attempt.attempt}, {attempt.started_at:%Y-%m-%d %H:%M:%S} UTC, {attempt.worker}: {ended}",
        *(f"  {line}" for line in error),
    ]


def _cells(job: JobView) -> tuple[str, ...]:
    return (
        str(job.id),
        job.kind,
        str(job.subject_id),
        _state(job),
        str(job.attempt),
        _age(job),
        job.worker or "",
        headline(job.error) or "",
    )


def _state(job: JobView) -> str:
    if job.due_at is not None and job.due_at > now():
        return f"{job.state.value} for {_span(job.due_at - now())} more"
    return job.state.value


def _age(job: JobView) -> str:
    return _span(now() - job.since)


def _span(span: timedelta) -> str:
    """Return a span of time in its largest unit."""
    seconds = max(span.total_seconds(), 0.0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
