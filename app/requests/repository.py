"""Queries on products, qualifications and requests."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.catalogue.models import Modality, Site
from app.core.constraints import constraint_of
from app.core.driver import PreparedRows
from app.core.errors import Conflict, Invalid
from app.core.paging import PageQuery, fetch_page
from app.core.plain import columns_of
from app.identity.models import Organisation, OrganisationLabel
from app.requests.models import (
    Feasibility,
    Product,
    Qualification,
    Request,
    RequestStatus,
)
from app.requests.schemas import RequestFilter


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
    statement = where_given(select(Product), organisation_id, Product.organisation_id)
    statement = where_given(statement, modality, Product.modality)
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


async def lock_requests(session: AsyncSession, request_ids: Collection[UUID], *, shared: bool = False) -> None:
    """Let nobody else change these requests until the transaction ends; locked in one order for everybody.

    Parameters
    ----------
    shared
        This transaction does not change them either, and others may lock them so too.
    """
    statement = (
        select(Request)
        .where(col(Request.id).in_(list(request_ids)))
        .order_by(col(Request.id))
        .with_for_update(read=shared, key_share=not shared)
        .execution_options(populate_existing=True)
    )
    await session.scalars(statement)


async def page_requests(
    session: AsyncSession, query: RequestFilter, *, organisation_id: UUID | None
) -> tuple[list[Request], str | None]:
    """Return one page of requests in the order of their creation, of one organisation or of all."""
    statement = where_given(select(Request), organisation_id, Request.organisation_id)
    statement = where_given(statement, query.organisation_id, Request.organisation_id)
    statement = where_given(statement, query.status, Request.status)
    statement = where_given(statement, query.product_id, Request.product_id)
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
        *columns_of(Product, Organisation),
        literal_column(
            "(SELECT jsonb_agg(to_jsonb(label) ORDER BY label.name) FROM organisation_labels label"
            " WHERE label.organisation_id = organisations.id)",
            JSONB,
        ).label("labels"),
        literal_column(
            "(SELECT jsonb_agg(to_jsonb(established)) FROM qualifications established"
            " WHERE established.product_id = products.id)",
            JSONB,
        ).label("established"),
    )
    .select_from(Product)
    .join(Organisation, col(Organisation.id) == col(Product.organisation_id))
    .where(col(Product.id) == bindparam("product_id"))
)
NEED = PreparedRows(_NEED, Product, Organisation)
"""A product, by its `product_id`: it, its organisation, the labels of that, and the qualifications of the product."""


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


def where_given(statement: Select[Any], value: object, column: Any) -> Select[Any]:
    """Narrow a statement to rows where the column has the value, unless none is asked."""
    return statement if value is None else statement.where(col(column) == value)


async def has_period(session: AsyncSession, request_id: UUID) -> bool:
    """Tell whether a live booking is for this request; what has run out is none."""
    return bool(await session.scalar(select(func.request_has_period(request_id))))
