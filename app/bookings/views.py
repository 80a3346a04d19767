"""Queries on bookings with what surrounds them: line, site, CDMO, product, request, disclosure."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.bookings.models import Booking, BookingStatus
from app.bookings.schemas import BookingFilter
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.paging import fetch_page
from app.core.vocabulary import GmpPhase
from app.requests.models import PRODUCT_MODALITIES, Feasibility, Product, Request


class BookingView(NamedTuple):
    """A booking with what surrounds it; nobody but its owner and the coordinator is shown the code name."""

    booking: Booking
    line_id: UUID
    site_id: UUID
    cdmo_id: UUID
    code_name: str | None
    modality: str | None
    gmp_phase: GmpPhase | None
    disclosed_summary: str | None
    pending_move_id: UUID | None


def _bookings() -> Select[Any]:
    return (
        select(Booking)
        .join(Unit, col(Unit.id) == col(Booking.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
    )


# Made once: to make an alias costs more than to run the statement.
_ASKED = aliased(Booking)


def _surroundings(statement: Select[Any]) -> Select[Any]:
    return (
        statement.outerjoin(Product, col(Product.id) == col(Booking.product_id))  # its owner alone sees it
        .outerjoin(PRODUCT_MODALITIES, PRODUCT_MODALITIES.c.id == col(Booking.product_id))
        .outerjoin(Request, col(Request.id) == col(Booking.request_id))
        .outerjoin(
            Feasibility,
            and_(
                col(Feasibility.request_id) == col(Booking.request_id),
                col(Feasibility.line_id) == col(ProductionLine.id),
            ),
        )
        .outerjoin(
            _ASKED,
            and_(col(_ASKED.moves_id) == col(Booking.id), col(_ASKED.status) == BookingStatus.AWAITING_CDMO),
        )
        .add_columns(
            col(ProductionLine.id),
            col(Site.id),
            col(Site.organisation_id),
            col(Product.code_name),
            PRODUCT_MODALITIES.c.modality,
            col(Request.gmp_phase),
            col(Feasibility.disclosed_summary),
            col(_ASKED.id),
        )
    )


_FIND = _surroundings(_bookings().where(col(Booking.id) == bindparam("booking_id"))).execution_options(
    populate_existing=True
)


async def find(session: AsyncSession, booking_id: UUID) -> BookingView | None:
    """Return a booking with what surrounds it, or None."""
    row = (await session.execute(_FIND, {"booking_id": booking_id})).one_or_none()
    return BookingView(*row) if row else None


async def page(
    session: AsyncSession, query: BookingFilter, *, party_id: UUID | None
) -> tuple[list[BookingView], str | None]:
    """Return one page of bookings on either side of which an organisation stands, in the order of their creation."""
    statement = _bookings()
    if party_id is not None:
        statement = statement.where(
            or_(col(Booking.organisation_id) == party_id, col(Site.organisation_id) == party_id)
        )
    for value, column in (
        (query.status, Booking.status),
        (query.slot_id, Booking.slot_id),
        (query.line_id, ProductionLine.id),
        (query.request_id, Booking.request_id),
    ):
        if value is not None:
            statement = statement.where(col(column) == value)
    bookings, cursor = await fetch_page(session, statement, query, [(col(Booking.id), UUID)])
    found = await session.execute(_surroundings(_bookings().where(col(Booking.id).in_([one.id for one in bookings]))))
    by_id = {row[0].id: BookingView(*row) for row in found}
    return [by_id[booking.id] for booking in bookings], cursor
