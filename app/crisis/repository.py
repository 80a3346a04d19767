"""Queries on crises, their plans, orders and displacements."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.allocation.models import Run, RunState
from app.bookings.models import Booking
from app.catalogue.models import Modality, Site
from app.core.paging import PageQuery, fetch_page
from app.core.tenancy import keep_to_drills
from app.crisis.models import (
    Crisis,
    CrisisMode,
    CrisisOrder,
    CrisisPlan,
    CrisisPower,
    CrisisSignature,
    CrisisStatus,
    Displacement,
    DisplacementStatus,
    PlanStatus,
)
from app.crisis.schemas import CrisisFilter
from app.identity.models import Organisation, OrganisationKind, Person, Role

ENDED = frozenset({CrisisStatus.STOOD_DOWN, CrisisStatus.EXPIRED})
ALL_PLANS = frozenset(PlanStatus)


async def get_crisis(session: AsyncSession, crisis_id: UUID) -> Crisis | None:
    """Return the crisis, or None."""
    return await session.get(Crisis, crisis_id)


async def lock_crisis(session: AsyncSession, crisis_id: UUID) -> Crisis | None:
    """Return the crisis as it is now, locked until the transaction ends, or None.

    Whoever has locked a drill can write nothing else from there on: the transaction is kept to drills.
    """
    statement = select(Crisis).where(col(Crisis.id) == crisis_id).with_for_update()
    return await locked(session, statement)


async def locked(session: AsyncSession, statement: Select[Crisis]) -> Crisis | None:
    """Return the one crisis that a statement locks, as it is now, or None; a drill keeps the transaction to drills."""
    crisis = (await session.scalars(statement.execution_options(populate_existing=True))).one_or_none()
    if crisis is not None and crisis.mode is CrisisMode.DRILL:
        await keep_to_drills(session)
    return crisis


async def page_crises(
    session: AsyncSession, query: CrisisFilter, among: Collection[UUID] | None = None
) -> tuple[list[Crisis], str | None]:
    """Return one page of crises: all, or those among these."""
    statement: Select[Any] = select(Crisis)
    if query.status is not None:
        statement = statement.where(col(Crisis.status) == query.status)
    if query.mode is not None:
        statement = statement.where(col(Crisis.mode) == query.mode)
    if among is not None:
        statement = statement.where(col(Crisis.id).in_(list(among)))
    return await fetch_page(session, statement, query, [(col(Crisis.id), UUID)])


async def powers_of(session: AsyncSession, crisis_ids: Collection[UUID]) -> dict[UUID, list[CrisisPower]]:
    """Return the powers behind each of these crises, in the order in which they were given."""
    statement = (
        select(CrisisPower).where(col(CrisisPower.crisis_id).in_(list(crisis_ids))).order_by(col(CrisisPower.id))
    )
    powers: dict[UUID, list[CrisisPower]] = defaultdict(list)
    for power in await session.scalars(statement):
        powers[power.crisis_id].append(power)
    return powers


async def remove_powers(session: AsyncSession, crisis_id: UUID) -> None:
    """Remove the powers of a crisis that is only declared; the audit trail keeps them."""
    await session.execute(delete(CrisisPower).where(col(CrisisPower.crisis_id) == crisis_id))


async def unknown_sites(session: AsyncSession, site_ids: Collection[UUID]) -> set[UUID]:
    """Return those of these identifiers that are no site's."""
    found = await session.scalars(select(col(Site.id)).where(col(Site.id).in_(list(site_ids))))
    return set(site_ids) - set(found)


async def unknown_organisations(session: AsyncSession, organisation_ids: Collection[UUID]) -> set[UUID]:
    """Return those of these identifiers that are no organisation's."""
    found = select(col(Organisation.id)).where(col(Organisation.id).in_(list(organisation_ids)))
    return set(organisation_ids) - set(await session.scalars(found))


async def modality_exists(session: AsyncSession, code: str) -> bool:
    """Tell whether the vocabulary knows a modality."""
    return (await session.scalar(select(col(Modality.id)).where(col(Modality.code) == code))) is not None


async def active_run(session: AsyncSession, crisis_id: UUID) -> UUID | None:
    """Return the run that plans this crisis now, or None; one that adds to a plan does not."""
    states = (RunState.QUEUED, RunState.RUNNING)
    statement = select(col(Run.id)).where(
        col(Run.crisis_id) == crisis_id,
        col(Run.state).in_(states),
        col(Run.replays_id).is_(None),
        col(Run.follows_id).is_(None),
    )
    return (await session.scalars(statement.limit(1))).one_or_none()


async def following_runs(session: AsyncSession, crisis_id: UUID) -> list[Run]:
    """Return the runs that make the plans to choose from beside a plan of a crisis, the newest first."""
    statement = select(Run).where(col(Run.crisis_id) == crisis_id, col(Run.follows_id).is_not(None))
    return list(await session.scalars(statement.order_by(col(Run.id).desc())))


async def current_plans(session: AsyncSession, crisis_id: UUID) -> list[CrisisPlan]:
    """Return the plans of a crisis that are not superseded, in the order in which they were made."""
    statement = select(CrisisPlan).where(
        col(CrisisPlan.crisis_id) == crisis_id, col(CrisisPlan.status) != PlanStatus.SUPERSEDED
    )
    return list(await session.scalars(statement.order_by(col(CrisisPlan.id))))


async def page_plans(session: AsyncSession, crisis_id: UUID, paging: PageQuery) -> tuple[list[CrisisPlan], str | None]:
    """Return one page of a crisis's plans, in the order in which they were made."""
    statement = select(CrisisPlan).where(col(CrisisPlan.crisis_id) == crisis_id)
    return await fetch_page(session, statement, paging, [(col(CrisisPlan.id), UUID)])


async def plans_of(
    session: AsyncSession, crisis_id: UUID, statuses: Collection[PlanStatus] = ALL_PLANS
) -> list[CrisisPlan]:
    """Return the plans of a crisis in these statuses, in the order in which they were made, as they are now."""
    statement = (
        select(CrisisPlan)
        .where(col(CrisisPlan.crisis_id) == crisis_id, col(CrisisPlan.status).in_(list(statuses)))
        .order_by(col(CrisisPlan.id))
    )
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


async def signatures_of(session: AsyncSession, plan_ids: Collection[UUID]) -> dict[UUID, list[CrisisSignature]]:
    """Return the signatures of each of these plans, in order."""
    statement = select(CrisisSignature).where(col(CrisisSignature.plan_id).in_(list(plan_ids)))
    found: dict[UUID, list[CrisisSignature]] = defaultdict(list)
    for signature in await session.scalars(statement.order_by(col(CrisisSignature.id))):
        found[signature.plan_id].append(signature)
    return found


async def signing_authority(session: AsyncSession, plan_id: UUID) -> UUID | None:
    """Return the organisation for which the authority's signature of a plan was given, or None."""
    statement = (
        select(col(Person.organisation_id))
        .join(CrisisSignature, col(CrisisSignature.person_id) == col(Person.id))
        .where(col(CrisisSignature.plan_id) == plan_id, col(CrisisSignature.role) == Role.AUTHORITY.value)
    )
    return (await session.scalars(statement)).one_or_none()


async def page_orders(
    session: AsyncSession, crisis_id: UUID, organisation_id: UUID | None, paging: PageQuery
) -> tuple[list[CrisisOrder], str | None]:
    """Return one page of a crisis's orders: all, or those to one organisation."""
    statement = select(CrisisOrder).where(col(CrisisOrder.crisis_id) == crisis_id)
    if organisation_id is not None:
        statement = statement.where(col(CrisisOrder.organisation_id) == organisation_id)
    return await fetch_page(session, statement, paging, [(col(CrisisOrder.id), UUID)])


async def get_order(session: AsyncSession, crisis_id: UUID, order_id: UUID) -> CrisisOrder | None:
    """Return an order of a crisis, or None."""
    statement = select(CrisisOrder).where(col(CrisisOrder.id) == order_id, col(CrisisOrder.crisis_id) == crisis_id)
    return (await session.scalars(statement)).one_or_none()


async def orders_of(session: AsyncSession, crisis_id: UUID) -> list[CrisisOrder]:
    """Return all orders of a crisis as they are now, locked until the transaction ends."""
    statement = select(CrisisOrder).where(col(CrisisOrder.crisis_id) == crisis_id).order_by(col(CrisisOrder.id))
    return list(await session.scalars(statement.with_for_update().execution_options(populate_existing=True)))


async def all_orders(session: AsyncSession, crisis_id: UUID) -> list[CrisisOrder]:
    """Return all orders of a crisis, to look at."""
    statement = select(CrisisOrder).where(col(CrisisOrder.crisis_id) == crisis_id).order_by(col(CrisisOrder.id))
    return list(await session.scalars(statement))


async def all_displacements(session: AsyncSession, crisis_id: UUID) -> list[Displacement]:
    """Return all displacements of a crisis, to look at."""
    statement = select(Displacement).where(col(Displacement.crisis_id) == crisis_id).order_by(col(Displacement.id))
    return list(await session.scalars(statement))


async def leading_organisations(session: AsyncSession) -> list[UUID]:
    """Return the organisations that lead crises: coordinators and authorities."""
    kinds = (OrganisationKind.COORDINATOR, OrganisationKind.AUTHORITY)
    statement = select(col(Organisation.id)).where(col(Organisation.kind).in_(kinds)).order_by(col(Organisation.id))
    return list(await session.scalars(statement))


async def pending_displacements(session: AsyncSession, crisis_id: UUID) -> list[Displacement]:
    """Return the displacements of a crisis that have not taken effect and were not dropped, locked."""
    statement = select(Displacement).where(
        col(Displacement.crisis_id) == crisis_id, col(Displacement.status) == DisplacementStatus.PENDING
    )
    statement = statement.order_by(col(Displacement.id)).with_for_update()
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


async def page_displacements(
    session: AsyncSession, crisis_id: UUID, paging: PageQuery, owner_id: UUID | None
) -> tuple[list[Displacement], str | None]:
    """Return one page of the displacements of a crisis: all, or of a real one, those of one owner's bookings."""
    statement: Select[Any] = select(Displacement).where(col(Displacement.crisis_id) == crisis_id)
    if owner_id is not None:
        statement = statement.join(Booking, col(Booking.id) == col(Displacement.booking_id)).where(
            col(Booking.organisation_id) == owner_id, func.is_real_crisis(col(Displacement.crisis_id))
        )
    return await fetch_page(session, statement, paging, [(col(Displacement.id), UUID)])


async def displacements_of_orders(session: AsyncSession, order_ids: Sequence[UUID]) -> dict[UUID, list[Displacement]]:
    """Return the displacements that each of these orders causes."""
    found: dict[UUID, list[Displacement]] = defaultdict(list)
    if not order_ids:
        return found
    statement = select(Displacement).where(col(Displacement.order_id).in_(order_ids)).order_by(col(Displacement.id))
    for displacement in await session.scalars(statement):
        found[displacement.order_id].append(displacement)
    return found


async def lock_unwarned(session: AsyncSession, today: date, default_days: int) -> Crisis | None:
    """Return a crisis whose end is near by its rules and has not been warned of, locked; None if there is none.

    One that somebody is changing just now is passed over.
    """
    end_on = func.upper(col(Crisis.validity))
    warning_days = func.coalesce(col(Crisis.rules)["expiry_warning_days"].as_integer(), default_days)
    statement = (
        select(Crisis)
        .where(
            col(Crisis.status).not_in(ENDED),
            end_on > today,
            end_on - today <= warning_days,
            col(Crisis.warned_end_on).is_distinct_from(end_on),
        )
        .order_by(col(Crisis.id))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return await locked(session, statement)


async def lock_past_validity(session: AsyncSession, today: date) -> Crisis | None:
    """Return a crisis whose validity has ended by a day and that has not ended itself, locked; None if there is none.

    One that somebody is changing just now is passed over.
    """
    statement = (
        select(Crisis)
        .where(col(Crisis.status).not_in(ENDED), func.upper(col(Crisis.validity)) <= today)
        .order_by(col(Crisis.id))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return await locked(session, statement)
