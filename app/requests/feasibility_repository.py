"""Queries on feasibilities: what CDMOs are asked, and have answered, about requests on their lines."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.catalogue.models import LineModality, ProductionLine, Site
from app.core.paging import fetch_page
from app.core.schemas import LATEST_DAY
from app.requests.models import Feasibility, FeasibilityState, FeasibilityStatus, Product, Request, RequestStatus
from app.requests.repository import where_given
from app.requests.rules import WAITING
from app.requests.schemas import FeasibilityFilter


class LineOwner(NamedTuple):
    """Whose a line is, and why it cannot be booked, if so."""

    organisation_id: UUID
    not_bookable_reason: str | None


async def line_owner(session: AsyncSession, line_id: UUID) -> LineOwner | None:
    """Return whose the line is, or None if there is no such line."""
    statement = (
        select(col(Site.organisation_id), col(ProductionLine.not_bookable_reason))
        .join(ProductionLine, col(ProductionLine.site_id) == col(Site.id))
        .where(col(ProductionLine.id) == line_id)
    )
    row = (await session.execute(statement)).one_or_none()
    return LineOwner(*row) if row else None


async def feasibilities_of(session: AsyncSession, request_ids: Collection[UUID]) -> dict[UUID, list[Feasibility]]:
    """Return the feasibilities of each of these requests."""
    found: dict[UUID, list[Feasibility]] = defaultdict(list)
    statement = select(Feasibility).where(col(Feasibility.request_id).in_(list(request_ids)))
    for one in await session.scalars(statement):
        found[one.request_id].append(one)
    return found


async def find_feasibility(
    session: AsyncSession, feasibility_id: UUID, *, lock: bool = False
) -> tuple[Feasibility, Request, LineOwner] | None:
    """Return a feasibility with its request and whose its line is, or None; with `lock`, nobody else changes it."""
    statement = (
        _feasibilities_with_owners()
        .add_columns(Request, col(Site.organisation_id), col(ProductionLine.not_bookable_reason))
        .where(col(Feasibility.id) == feasibility_id)
    )
    if lock:
        statement = statement.with_for_update(of=Feasibility)
    row = (await session.execute(statement)).one_or_none()
    return (row[0], row[1], LineOwner(row[2], row[3])) if row else None


async def feasibility_on(session: AsyncSession, request_id: UUID, line_id: UUID) -> Feasibility | None:
    """Return the feasibility of a request on a line, locked, or None."""
    statement = select(Feasibility).where(
        col(Feasibility.request_id) == request_id, col(Feasibility.line_id) == line_id
    )
    return (await session.scalars(statement.with_for_update())).one_or_none()


class LineNames(NamedTuple):
    """What a line and its site are called."""

    line_name: str
    site_name: str


async def line_names(session: AsyncSession, line_ids: Collection[UUID]) -> dict[UUID, LineNames]:
    """Return what these lines and their sites are called."""
    statement = (
        select(col(ProductionLine.id), col(ProductionLine.name), col(Site.name))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(col(ProductionLine.id).in_(list(line_ids)))
    )
    return {line_id: LineNames(line, site) for line_id, line, site in await session.execute(statement)}


async def request_statuses(session: AsyncSession, request_ids: Collection[UUID]) -> dict[UUID, RequestStatus]:
    """Return the status of each of these requests."""
    statement = select(col(Request.id), col(Request.status)).where(col(Request.id).in_(list(request_ids)))
    return {request_id: status for request_id, status in await session.execute(statement)}  # noqa: C416 - rows are no pairs to mypy


async def is_standard(session: AsyncSession, product_id: UUID, line_id: UUID) -> bool:
    """Tell whether a line takes a product's modality without a review of the product."""
    statement = (
        select(col(LineModality.is_standard))
        .join(Product, col(Product.modality) == col(LineModality.modality))
        .where(col(Product.id) == product_id, col(LineModality.line_id) == line_id)
    )
    return bool(await session.scalar(statement))


def _state(today: date) -> ColumnElement[str]:
    """Return where a question stands on a day, as `rules.feasibility_state` tells."""
    return case(
        (
            col(Feasibility.status) != FeasibilityStatus.ASKED,
            case((col(Feasibility.valid_until_on) < today, "expired"), else_="answered"),
        ),
        (col(Request.status).not_in(WAITING), "lapsed"),
        (col(Feasibility.answer_by_on) < today, "overdue"),
        else_="open",
    )


def _seen_by(organisation_id: UUID | None) -> Select[Any]:
    """Return the select of feasibilities of an organisation: its questions and those put to its lines; or of all."""
    statement = _feasibilities_with_owners()
    if organisation_id is None:
        return statement
    return statement.where(
        or_(col(Request.organisation_id) == organisation_id, col(Site.organisation_id) == organisation_id)
    )


async def count_feasibilities(
    session: AsyncSession, today: date, *, organisation_id: UUID | None
) -> tuple[dict[FeasibilityState, int], datetime | None]:
    """Return how many feasibilities stand where, and when the oldest that wants an answer was put."""
    state = _state(today).label("state")
    statement = _seen_by(organisation_id).with_only_columns(state, func.count(), func.min(Feasibility.consented_at))
    counts: dict[FeasibilityState, int] = {}
    oldest: list[datetime] = []
    for name, count, since in await session.execute(statement.group_by(state)):
        counts[FeasibilityState(name)] = count
        if since is not None and name in {FeasibilityState.OPEN, FeasibilityState.OVERDUE}:
            oldest.append(since)
    return counts, min(oldest, default=None)


async def page_feasibilities(
    session: AsyncSession, query: FeasibilityFilter, today: date, *, organisation_id: UUID | None
) -> tuple[list[Feasibility], str | None]:
    """Return one page of feasibilities, those that want an answer first, by the day by which it is wanted."""
    statement, state = _seen_by(organisation_id), _state(today)
    if query.state is not None:
        statement = statement.where(state == query.state.value)
    statement = where_given(statement, query.status, Feasibility.status)
    statement = where_given(statement, query.request_id, Feasibility.request_id)
    statement = where_given(statement, query.line_id, Feasibility.line_id)
    wanted = state.in_(["open", "overdue"])
    keys: list[tuple[SQLColumnExpression[Any], type]] = [
        (case((wanted, 0), else_=1), int),
        (case((wanted, func.coalesce(col(Feasibility.answer_by_on), LATEST_DAY)), else_=LATEST_DAY), date),
        (col(Feasibility.id), UUID),
    ]
    return await fetch_page(session, statement, query, keys)


def _feasibilities_with_owners() -> Select[Any]:
    """Return the select of feasibilities, joined to their request and to the site of their line."""
    statement: Select[Any] = select(Feasibility)
    return (
        statement.join(Request, col(Request.id) == col(Feasibility.request_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Feasibility.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
    )
