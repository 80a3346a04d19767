"""Queries on products, qualifications, requests and feasibilities."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, bindparam, case, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.catalogue.models import LineModality, Modality, ProductionLine, Site
from app.core.constraints import constraint_of
from app.core.errors import Conflict, Invalid
from app.core.paging import PageQuery, fetch_page
from app.core.schemas import LATEST_DAY
from app.identity.models import Organisation, OrganisationLabel
from app.requests.models import (
    Feasibility,
    FeasibilityState,
    FeasibilityStatus,
    Product,
    Qualification,
    Request,
    RequestStatus,
)
from app.requests.rules import WAITING
from app.requests.schemas import FeasibilityFilter, RequestFilter


class LineOwner(NamedTuple):
    """Whose a line is, and why it cannot be booked, if so."""

    organisation_id: UUID
    not_bookable_reason: str | None


async def flush(session: AsyncSession) -> None:
    """Write what is pending.

    Raises
    ------
    Invalid
        If a product's code name is taken.
    Conflict
        If a qualification is on record already.
    """
    try:
        await session.flush()
    except IntegrityError as error:
        match constraint_of(error):
            case "uq_products_organisation_id_code_name":
                raise Invalid.field("code_name", "You have a product of this code name already.") from error
            case "uq_qualifications_product_id_site_id_level":
                raise Conflict("This product is on record at this level at this site already.") from error
        raise


async def modality_codes(session: AsyncSession) -> list[str]:
    """Return the vocabulary of modalities, in alphabetical order."""
    return list(await session.scalars(select(col(Modality.code)).order_by(col(Modality.code))))


async def find_product(session: AsyncSession, product_id: UUID) -> Product | None:
    """Return the product, or None."""
    return await session.get(Product, product_id)


async def page_products(
    session: AsyncSession, paging: PageQuery, *, organisation_id: UUID | None, modality: str | None
) -> tuple[list[Product], str | None]:
    """Return one page of products in the order of their creation, of one organisation or of all."""
    statement = _where(select(Product), organisation_id, Product.organisation_id)
    statement = _where(statement, modality, Product.modality)
    return await fetch_page(session, statement, paging, [(col(Product.id), UUID)])


async def qualifications_of(session: AsyncSession, product_ids: Collection[UUID]) -> dict[UUID, list[Qualification]]:
    """Return the qualifications of each of these products, in the order of their creation."""
    statement = select(Qualification).where(col(Qualification.product_id).in_(list(product_ids)))
    found: dict[UUID, list[Qualification]] = defaultdict(list)
    for one in await session.scalars(statement.order_by(col(Qualification.id))):
        found[one.product_id].append(one)
    return found


async def is_relied_on(session: AsyncSession, product_id: UUID) -> bool:
    """Tell whether a request for the product has been submitted, or disclosed to a CDMO."""
    submitted = select(col(Request.id)).where(
        col(Request.product_id) == product_id,
        or_(
            col(Request.status).not_in([RequestStatus.DRAFT, RequestStatus.WITHDRAWN]),
            col(Request.id).in_(select(col(Feasibility.request_id))),
        ),
    )
    return await session.scalar(submitted.limit(1)) is not None


async def find_request(session: AsyncSession, request_id: UUID, *, lock: bool = False) -> Request | None:
    """Return the request, or None; with `lock`, as it is now, and nobody else changes it meanwhile."""
    if not lock:
        return await session.get(Request, request_id)
    return await session.get(Request, request_id, with_for_update={"key_share": True}, populate_existing=True)


async def page_requests(
    session: AsyncSession, query: RequestFilter, *, organisation_id: UUID | None
) -> tuple[list[Request], str | None]:
    """Return one page of requests in the order of their creation, of one organisation or of all."""
    statement = _where(select(Request), organisation_id, Request.organisation_id)
    statement = _where(statement, query.organisation_id, Request.organisation_id)
    statement = _where(statement, query.status, Request.status)
    statement = _where(statement, query.product_id, Request.product_id)
    return await fetch_page(session, statement, query, [(col(Request.id), UUID)])


async def request_rows(
    session: AsyncSession, request_ids: Collection[UUID]
) -> list[tuple[Request, Product, Organisation]]:
    """Return requests with their product and their organisation, in the order of creation."""
    statement = (
        select(Request, Product, Organisation)
        .join(Product, col(Product.id) == col(Request.product_id))
        .join(Organisation, col(Organisation.id) == col(Request.organisation_id))
        .where(col(Request.id).in_(list(request_ids)))
        .order_by(col(Request.id))
    )
    return [(request, product, organisation) for request, product, organisation in await session.execute(statement)]


_NEED = (
    select(
        Product,
        Organisation,
        literal_column(
            "(SELECT jsonb_agg(to_jsonb(label) ORDER BY label.name) FROM organisation_labels label"
            " WHERE label.organisation_id = organisations.id)",
            JSONB,
        ),
        literal_column(
            "(SELECT jsonb_agg(to_jsonb(established)) FROM qualifications established"
            " WHERE established.product_id = products.id)",
            JSONB,
        ),
    )
    .join(Organisation, col(Organisation.id) == col(Product.organisation_id))
    .where(col(Product.id) == bindparam("product_id"))
)


async def need_row(session: AsyncSession, product_id: UUID) -> Any:
    """Return a product, its organisation, the labels of that and the qualifications of the product as rows; or None."""
    return (await session.execute(_NEED, {"product_id": product_id})).one_or_none()


async def labels_on(session: AsyncSession, organisation_ids: Collection[UUID], on: date) -> dict[UUID, tuple[str, ...]]:
    """Return the labels that each of these organisations holds on a day, by name."""
    statement = (
        select(col(OrganisationLabel.organisation_id), col(OrganisationLabel.name))
        .where(
            col(OrganisationLabel.organisation_id).in_(list(organisation_ids)),
            or_(col(OrganisationLabel.valid_from_on).is_(None), col(OrganisationLabel.valid_from_on) <= on),
            or_(col(OrganisationLabel.valid_to_on).is_(None), col(OrganisationLabel.valid_to_on) >= on),
        )
        .order_by(col(OrganisationLabel.name))
    )
    names: dict[UUID, list[str]] = defaultdict(list)
    for organisation_id, name in await session.execute(statement):
        names[organisation_id].append(name)
    return {organisation_id: tuple(found) for organisation_id, found in names.items()}


async def unknown_sites(session: AsyncSession, site_ids: Collection[UUID]) -> set[UUID]:
    """Return those of these identifiers that are no site's."""
    if not site_ids:
        return set()
    known = await session.scalars(select(col(Site.id)).where(col(Site.id).in_(list(site_ids))))
    return set(site_ids) - set(known)


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
    statement = _where(statement, query.status, Feasibility.status)
    statement = _where(statement, query.request_id, Feasibility.request_id)
    statement = _where(statement, query.line_id, Feasibility.line_id)
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


def _where(statement: Select[Any], value: object, column: Any) -> Select[Any]:
    """Narrow a statement to rows where the column has the value, unless none is asked."""
    return statement if value is None else statement.where(col(column) == value)


async def has_period(session: AsyncSession, request_id: UUID) -> bool:
    """Tell whether a live booking is for this request; a hold that has run out is none."""
    return bool(await session.scalar(select(func.request_has_period(request_id))))
