"""Queries on notices, and on what those need who are told: the signed plan, names, and who signed."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.paging import PageQuery, fetch_page
from app.crisis.models import (
    Crisis,
    CrisisMode,
    CrisisOrder,
    CrisisPlan,
    CrisisSignature,
    Displacement,
    PlanStatus,
)
from app.crisis.notice_models import Notice
from app.crisis.notice_standing import Standing
from app.crisis.restoring_models import Restoration
from app.identity.models import Organisation, Person


async def page_notices(
    session: AsyncSession,
    crisis_id: UUID,
    paging: PageQuery,
    organisation_id: UUID | None,
    *,
    among: Collection[UUID] | None = None,
) -> tuple[list[Notice], str | None]:
    """Return one page of the notices of a crisis: all, or of a real one, those to one organisation; or among some.

    That it is real is asked for by row-level security: whoever reads their own sees no crisis.
    """
    statement: Select[Any] = select(Notice).where(col(Notice.crisis_id) == crisis_id)
    if organisation_id is not None:
        statement = statement.where(col(Notice.organisation_id) == organisation_id)
    if among is not None:
        statement = statement.where(col(Notice.id).in_(among))
    return await fetch_page(session, statement, paging, [(col(Notice.id), UUID)])


async def real_notices(session: AsyncSession, crisis_id: UUID) -> list[UUID]:
    """Return the notices of a crisis, of a drill none."""
    statement = (
        select(col(Notice.id))
        .join(Crisis, col(Crisis.id) == col(Notice.crisis_id))
        .where(col(Crisis.id) == crisis_id, col(Crisis.mode) == CrisisMode.REAL)
    )
    return list(await session.scalars(statement))


async def find_real_notice(session: AsyncSession, notice_id: UUID, organisation_id: UUID) -> Notice | None:
    """Return a notice to an organisation, of a crisis that is no drill, or None."""
    statement = (
        select(Notice)
        .join(Crisis, col(Crisis.id) == col(Notice.crisis_id))
        .where(
            col(Notice.id) == notice_id,
            col(Notice.organisation_id) == organisation_id,
            col(Crisis.mode) == CrisisMode.REAL,
        )
    )
    found: Notice | None = await session.scalar(statement)
    return found


async def standing_of(session: AsyncSession, notice: Notice) -> Standing:
    """Return how things stand now that a notice is about."""
    later = select(Notice).where(
        col(Notice.crisis_id) == notice.crisis_id,
        col(Notice.organisation_id) == notice.organisation_id,
        col(Notice.id) > notice.id,
        col(Notice.displacement_id).is_(None) == (notice.displacement_id is None),
        col(Notice.facts)["booking_id"].astext == notice.facts.get("booking_id")
        if notice.displacement_id
        else col(Notice.order_id) == notice.order_id,
    )
    restoration: Restoration | None = await session.scalar(
        select(Restoration).where(col(Restoration.displacement_id) == notice.displacement_id)
    )
    return Standing(
        crisis=await session.get_one(Crisis, notice.crisis_id),
        order=await session.get(CrisisOrder, notice.order_id) if notice.order_id else None,
        displacement=await session.get(Displacement, notice.displacement_id) if notice.displacement_id else None,
        restoration=restoration,
        overtaken=bool(await session.scalar(select(later.exists()))),
    )


async def signed_displacements(
    session: AsyncSession, crisis_id: UUID, booking_ids: Collection[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Return what the newest activated plan of a crisis says of each of these bookings that give way, and on what act.

    The powers that the plan rests on are told beside each, as `legal_grounds`.
    """
    entries = func.jsonb_array_elements(col(CrisisPlan.body)["displacements"])
    entry = entries.table_valued(column("value", JSONB)).lateral()
    named = cast(entry.c.value["booking_id"].astext, Uuid)
    statement = (
        select(named, entry.c.value, col(CrisisPlan.body)["legal_grounds"])
        .select_from(CrisisPlan)
        .join(entry, true())
        .where(
            col(CrisisPlan.crisis_id) == crisis_id,
            col(CrisisPlan.status) == PlanStatus.ACTIVATED,
            named.in_(list(booking_ids)),
        )
        .order_by(col(CrisisPlan.id))
    )
    return {
        booking_id: {**signed, "legal_grounds": legal_grounds or []}
        for booking_id, signed, legal_grounds in await session.execute(statement)
    }


async def signed_campaigns(session: AsyncSession, plan_id: UUID) -> list[dict[str, Any]]:
    """Return the campaigns of a plan as they were signed."""
    statement = select(col(CrisisPlan.body)["campaigns"]).where(col(CrisisPlan.id) == plan_id)
    found: list[dict[str, Any]] | None = await session.scalar(statement)
    return found or []


async def name_of(session: AsyncSession, organisation_id: UUID) -> str | None:
    """Return the name of an organisation."""
    return await session.scalar(select(col(Organisation.name)).where(col(Organisation.id) == organisation_id))


async def signing_organisations(session: AsyncSession, plan_id: UUID) -> list[UUID]:
    """Return the organisations for which a plan was signed: the coordinator's and the authority's."""
    statement = (
        select(col(Person.organisation_id))
        .join(CrisisSignature, col(CrisisSignature.person_id) == col(Person.id))
        .where(col(CrisisSignature.plan_id) == plan_id)
        .distinct()
        .order_by(col(Person.organisation_id))
    )
    return list(await session.scalars(statement))
