"""Products and what is established of them at sites."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.core.errors import Invalid, NotFound
from app.core.preconditions import lock_seen
from app.identity.actor import Actor
from app.identity.models import Role
from app.requests import repository
from app.requests.errors import RequestSettled
from app.requests.models import Product, Qualification
from app.requests.rules import PRODUCT_TECHNICAL
from app.requests.schemas import ProductCreate, ProductFilter, ProductUpdate, QualificationCreate
from app.requests.visibility import confined_to


async def get_product(session: AsyncSession, actor: Actor, product_id: UUID) -> Product:
    """Return a product to its owner or the coordinator.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    product = await repository.find_product(session, product_id)
    if product is None or not actor.sees(product.organisation_id):
        raise NotFound.of("product", product_id)
    return product


async def list_products(session: AsyncSession, actor: Actor, query: ProductFilter) -> tuple[list[Product], str | None]:
    """Return one page of the products that the actor may see, and the cursor of the next."""
    return await repository.page_products(session, query, organisation_id=confined_to(actor), modality=query.modality)


async def create_product(session: AsyncSession, actor: Actor, command: ProductCreate) -> Product:
    """Add a product of the actor's start-up.

    Raises
    ------
    Invalid
        If the modality is unknown, or the code name is taken.
    """
    actor.require(Role.STARTUP_MEMBER)
    await _check_modality(session, command.modality)
    product = Product(organisation_id=actor.organisation_id, **command.model_dump())
    session.add(product)
    await repository.flush(session)
    await record(session, actor, "product.created", product)
    return product


async def update_product(session: AsyncSession, actor: Actor, product_id: UUID, command: ProductUpdate) -> Product:
    """Change a product of the actor's start-up.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    RequestSettled
        If a CDMO or a round relies on what would change.
    """
    actor.require(Role.STARTUP_MEMBER)
    product = await lock_seen(session, await get_product(session, actor, product_id))
    changes = _changes(product, command)
    if changes.keys() & PRODUCT_TECHNICAL and await repository.is_relied_on(session, product_id):
        raise RequestSettled(
            "A request for this product has been submitted or disclosed: describe the changed product as a new one."
        )
    if "modality" in changes:
        await _check_modality(session, str(command.modality))
    before = snapshot(product)
    for name, value in changes.items():
        setattr(product, name, value)
    await repository.flush(session)
    if changes:
        await record(session, actor, "product.updated", product, before=before)
    return product


def _changes(product: Product, command: ProductUpdate) -> dict[str, object]:
    """Return what the command gives that is not so already."""
    given = command.model_dump(exclude_unset=True)
    return {name: value for name, value in given.items() if value != getattr(product, name)}


async def list_qualifications(session: AsyncSession, actor: Actor, product_id: UUID) -> list[Qualification]:
    """Return what is established of a product, to its owner or the coordinator."""
    await get_product(session, actor, product_id)
    return (await repository.qualifications_of(session, [product_id])).get(product_id, [])


async def add_qualification(
    session: AsyncSession, actor: Actor, product_id: UUID, command: QualificationCreate
) -> Qualification:
    """Record that a product is established at a site: its owner or the coordinator does.

    Raises
    ------
    NotFound
        If there is no such product, or it is another's.
    Invalid
        If there is no such site.
    Conflict
        If this level is on record there already.
    """
    actor.require(Role.STARTUP_MEMBER, Role.COORDINATOR)
    await get_product(session, actor, product_id)
    if await repository.unknown_sites(session, [command.site_id]):
        raise Invalid.field("site_id", f"There is no site {command.site_id}.")
    row = Qualification(product_id=product_id, **command.model_dump())
    session.add(row)
    await repository.flush(session)
    await record(session, actor, "qualification.created", row)
    return row


async def _check_modality(session: AsyncSession, code: str) -> None:
    known = await repository.modality_codes(session)
    if code not in known:
        raise Invalid.field("modality", f"{code!r} is no modality. Known: {', '.join(known)}.", known=known)
