"""What holds of a run's plan, and what does not: made by a job once for each plan, when it is first asked for."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import statements_repository
from app.allocation.engine import VIOLATED, EngineFailed, Limits
from app.allocation.errors import StatementFailed, WithoutPlan
from app.allocation.models import RunCertificate
from app.allocation.run_access import READERS
from app.allocation.statements import Case, asked
from app.audit.author import Author
from app.audit.service import record, stored
from app.core.clock import now
from app.core.errors import NotFound
from app.core.jobs import Entrypoint, enqueue
from app.core.tenancy import go_across
from app.identity.actor import Actor
from app.jobs.running import JobContext

CERTIFIER = Author.of_job("certify")
CERTIFY_SECONDS = 30.0
LOADING_SECONDS = 300.0
"""For what needs no solver, which takes what it takes."""

TRIED_AGAIN_AFTER = timedelta(minutes=5)
ORGANISATIONS = "organisations.json"
DONE = frozenset({0, VIOLATED})
"""A certificate that says no is one all the same."""

Document = dict[str, Any]

log = structlog.get_logger(__name__)


async def get_certificate(session: AsyncSession, actor: Actor, run_id: UUID) -> Document | None:
    """Return the certificate of a run's plan, with `adjustments`; None while it is being made for the first to ask.

    Whoever decides on the run may read it.

    Raises
    ------
    NotFound
        If there is no such run that the actor may see.
    WithoutPlan
        If it has no plan.
    StatementFailed
        If it could not be made lately; some minutes later it is tried again.
    """
    run = await statements_repository.planned(session, run_id)
    if run is None or actor.role not in READERS[run.kind]:
        raise NotFound.of("run", run_id)
    await go_across(session)
    if run.plan_sha256 is None:
        raise WithoutPlan("The run has no plan that could be certified.")
    is_new = await statements_repository.add_certificate(session, run_id, run.plan_sha256)
    row = await statements_repository.certificate_of(session, run_id, run.plan_sha256)
    if row.document is not None:
        return {**row.document, "adjustments": await statements_repository.adjustments_of(session, run_id)}
    if row.error is not None and row.finished_at is not None and now() - row.finished_at < TRIED_AGAIN_AFTER:
        raise StatementFailed(f"The certificate could not be made: {row.error}")
    if is_new:
        await record(session, actor, "certificate.requested", row)
    elif row.error is not None:
        before = await stored(session, row)
        row.error, row.finished_at = None, None
        await record(session, actor, "certificate.requested", row, before=before)
    await enqueue(session, Entrypoint.CERTIFY, row.id)
    return None


async def make_certificate(job: JobContext) -> None:
    """Make a certificate that is asked for, unless it is there, or its plan is no longer the run's.

    Raises
    ------
    EngineStopped
        If the worker is stopping: it is left to another one.
    """
    async with job.transaction() as session:
        case = await _claimed(session, job.subject_id)
    if case is None:
        return
    arguments = ("--seconds", str(CERTIFY_SECONDS), "--workers", str(job.settings.solver_workers))
    limits, seconds = Limits(job.settings.solver_memory_bytes, job.stop), CERTIFY_SECONDS + LOADING_SECONDS
    document, error = None, None
    try:
        document = await asked(
            limits, case, "certify", "--organisations", ORGANISATIONS, *arguments, seconds=seconds, well=DONE
        )
    except EngineFailed as failure:
        log.warning("certificate_failed", certificate_id=str(job.subject_id), error=str(failure))
        error = str(failure)[:4000]
    async with job.last_transaction() as session:
        await _finish(session, job.subject_id, document, error)


async def give_up_certificate(session: AsyncSession, certificate_id: UUID, tries: int) -> None:
    """Say of a certificate whose job is given up that it could not be made."""
    await _finish(session, certificate_id, None, f"It was begun {tries} times and never came to an end.")


async def _claimed(session: AsyncSession, certificate_id: UUID) -> Case | None:
    """Return what a certificate is made from; None when there is nothing left to do."""
    row = await statements_repository.lock_certificate(session, certificate_id)
    if row is None or row.document is not None or row.error is not None:
        return None
    plan = await statements_repository.plan_files(session, row.run_id)
    if plan is None or plan.plan_sha256 != row.plan_sha256:
        await _conclude(session, row, None, "The plan was changed meanwhile.")
        return None
    organisations = await statements_repository.organisations_in(session, row.run_id)
    return Case(plan.problem, plan.solution, {ORGANISATIONS: organisations})


async def _finish(session: AsyncSession, certificate_id: UUID, document: Document | None, error: str | None) -> None:
    row = await statements_repository.lock_certificate(session, certificate_id)
    if row is not None and row.document is None:
        await _conclude(session, row, document, error)


async def _conclude(session: AsyncSession, row: RunCertificate, document: Document | None, error: str | None) -> None:
    before = await stored(session, row)
    row.document, row.error, row.finished_at = document, error, now()
    verb = "failed" if document is None else "made"
    await record(session, CERTIFIER, f"certificate.{verb}", row, before=before)
