"""What people call the requests and the places of a plan."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.allocation.models import RoundRequest
from app.capacity.models import Slot
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.vocabulary import Origin
from app.identity.models import Organisation
from app.requests.models import Product, Request


class NamedRequest(NamedTuple):
    """What people call a request, and whether it was generated."""

    product: str
    organisation_id: UUID
    organisation: str
    modality: str
    origin: Origin


async def named_requests(
    session: AsyncSession, round_id: UUID | None, request_ids: Collection[UUID] | None = None
) -> dict[UUID, NamedRequest]:
    """Return the names of the requests of a round, all or these."""
    statement = (
        select(
            col(Request.id),
            col(Product.code_name),
            col(Organisation.id),
            col(Organisation.name),
            col(Product.modality),
            col(Request.origin),
        )
        .join(RoundRequest, col(RoundRequest.request_id) == col(Request.id))
        .join(Product, col(Product.id) == col(Request.product_id))
        .join(Organisation, col(Organisation.id) == col(Request.organisation_id))
        .where(col(RoundRequest.round_id) == round_id)
    )
    if request_ids is not None:
        statement = statement.where(col(Request.id).in_(list(request_ids)))
    return {row[0]: NamedRequest(*row[1:]) for row in await session.execute(statement)}


class NamedPlace(NamedTuple):
    """What people call the place of a slot, and whether the slot was generated."""

    unit_id: UUID
    unit: str
    line: str
    site: str
    origin: Origin


async def named_places(session: AsyncSession, slot_ids: Collection[UUID]) -> dict[UUID, NamedPlace]:
    """Return the names of the units, lines and sites of slots."""
    statement = (
        select(col(Slot.id), col(Unit.id), col(Unit.name), col(ProductionLine.name), col(Site.name), col(Slot.origin))
        .join(Unit, col(Unit.id) == col(Slot.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(col(Slot.id).in_(list(slot_ids)))
    )
    return {row[0]: NamedPlace(*row[1:]) for row in await session.execute(statement)}
