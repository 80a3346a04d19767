"""Queries on what the engine has said of plans: each belongs to one plan, known by its digest."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.allocation.models import RoundRequest, Run, RunCertificate, RunExplanation, RunKind
from app.core.digests import digest_of
from app.core.model import new_id
from app.identity.models import Organisation
from app.requests.models import Request

_PLAN_SHA256 = digest_of(col(Run.solution))
"""The digest of a run's plan, as its records have it; a change by hand makes it another plan."""


class Planned(NamedTuple):
    """A run and the digest of its plan; None while it has none."""

    kind: RunKind
    round_id: UUID | None
    plan_sha256: str | None


async def planned(session: AsyncSession, run_id: UUID) -> Planned | None:
    """Return what a run is and which plan it has, without the plan; None if there is no such run."""
    statement = select(col(Run.kind), col(Run.round_id), _PLAN_SHA256).where(col(Run.id) == run_id)
    found = (await session.execute(statement)).one_or_none()
    return Planned(*found) if found else None


class PlanFiles(NamedTuple):
    """A plan with what it was made from, and its digest, all of one moment."""

    problem: dict[str, Any]
    references: dict[str, Any]
    solution: dict[str, Any]
    plan_sha256: str


async def plan_files(session: AsyncSession, run_id: UUID) -> PlanFiles | None:
    """Return the plan of a run with its input, or None if it has none."""
    columns = (col(Run.problem), col(Run.references), col(Run.solution), _PLAN_SHA256)
    statement = select(*columns).where(col(Run.id) == run_id, col(Run.solution).is_not(None))
    found = (await session.execute(statement)).one_or_none()
    return PlanFiles(*found) if found else None


async def adjustments_of(session: AsyncSession, run_id: UUID) -> list[dict[str, Any]]:
    """Return the changes by hand of a run's plan, in their order."""
    found = await session.scalar(select(col(Run.parameters)["adjustments"]).where(col(Run.id) == run_id))
    return list(found or ())


async def owner_in_run(session: AsyncSession, run_id: UUID, request_id: UUID) -> UUID | None:
    """Return whose a request of a run's round is, or None if it takes no part in it."""
    statement = (
        select(col(Request.organisation_id))
        .join(RoundRequest, col(RoundRequest.request_id) == col(Request.id))
        .join(Run, col(Run.round_id) == col(RoundRequest.round_id))
        .where(col(Run.id) == run_id, col(Request.id) == request_id)
    )
    return (await session.scalars(statement)).one_or_none()


async def get_explanation(session: AsyncSession, run_id: UUID, request_id: UUID, plan: str) -> RunExplanation | None:
    """Return the explanation of a request's place in a plan, or None if it has not been asked for."""
    statement = select(RunExplanation).where(
        col(RunExplanation.run_id) == run_id,
        col(RunExplanation.request_id) == request_id,
        col(RunExplanation.plan_sha256) == plan,
    )
    return (await session.scalars(statement)).one_or_none()


async def keep_explanation(session: AsyncSession, row: RunExplanation) -> bool:
    """Store an explanation, and tell whether it was stored: of two made at once, the first stays."""
    new = insert(RunExplanation).values(
        id=row.id, run_id=row.run_id, request_id=row.request_id, plan_sha256=row.plan_sha256, document=row.document
    )
    return bool(await session.scalar(new.on_conflict_do_nothing().returning(col(RunExplanation.id))))


async def add_certificate(session: AsyncSession, run_id: UUID, plan: str) -> bool:
    """Store that a plan is to have a certificate, unless somebody has asked for it before; tell whether it was."""
    new = insert(RunCertificate).values(id=new_id(), run_id=run_id, plan_sha256=plan)
    return bool(await session.scalar(new.on_conflict_do_nothing().returning(col(RunCertificate.id))))


async def certificate_of(session: AsyncSession, run_id: UUID, plan: str) -> RunCertificate:
    """Return the certificate of a plan, made or not, locked until the transaction ends."""
    statement = (
        select(RunCertificate)
        .where(col(RunCertificate.run_id) == run_id, col(RunCertificate.plan_sha256) == plan)
        .with_for_update()
    )
    return (await session.scalars(statement)).one()


async def lock_certificate(session: AsyncSession, certificate_id: UUID) -> RunCertificate | None:
    """Return a certificate as it stands now, locked until the transaction ends, or None."""
    return await session.get(RunCertificate, certificate_id, with_for_update=True, populate_existing=True)


async def organisations_in(session: AsyncSession, run_id: UUID) -> dict[str, dict[str, str]]:
    """Return region and size of the organisations that take part in a run's round; what is unknown is left out."""
    statement = (
        select(col(Organisation.id), col(Organisation.region), col(Organisation.size_class))
        .join(Request, col(Request.organisation_id) == col(Organisation.id))
        .join(RoundRequest, col(RoundRequest.request_id) == col(Request.id))
        .join(Run, col(Run.round_id) == col(RoundRequest.round_id))
        .where(col(Run.id) == run_id)
        .distinct()
    )
    return {
        str(organisation_id): {"size": size.value, **({"region": region} if region else {})}
        for organisation_id, region, size in await session.execute(statement)
    }
