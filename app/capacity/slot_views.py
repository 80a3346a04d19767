"""Slots as answers show them: with their place, what is free, and what a batch costs.

The database writes what is stored of a slot as JSON; the rules of prices, which are here, add the rest.
"""

import json
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.models import Slot
from app.capacity.rules import BatchPrice, batch_price, lowest
from app.capacity.schemas import SlotFilter, SlotRead
from app.capacity.search_repository import page_of, shape_of, values_of
from app.capacity.slot_repository import BETWEEN, SHOWN
from app.core.clock import today
from app.core.driver import Driver, driver_of
from app.core.paging import decode_cursor, encode_cursor
from app.core.vocabulary import Basis, Origin


async def page_texts(driver: Driver, query: SlotFilter, owner_id: UUID | None) -> tuple[list[str], str | None]:
    """Return one page of a search by first day, each slot as the JSON of a `SlotRead`, and the cursor of the next.

    Parameters
    ----------
    query
        The price of its modality is shown; without one, the cheapest.
    owner_id
        Whose slots in any status; None means all that are published.
    """
    day = today()
    values = values_of(query, owner_id, day) | {"limit": query.limit + 1}
    if query.cursor:
        values["after_on"], values["after_id"] = decode_cursor(query.cursor, (date, UUID))
    found = await page_of(shape_of(query, owner_id), further=bool(query.cursor)).all(driver, values)
    page = found[: query.limit]
    texts = await _texts(driver, [one["id"] for one in page], query.modality, published=owner_id is None)
    return texts, encode_cursor(page[-1]) if len(found) > len(page) else None


async def slot_reads(session: AsyncSession, slots: Sequence[Slot]) -> list[SlotRead]:
    """Return slots as answers show them, with the cheapest price, in one query whatever their number."""
    await session.flush()
    texts = await _texts(await driver_of(session), [slot.id for slot in slots], None)
    reads = {one.id: one for one in map(SlotRead.model_validate_json, texts)}
    return [reads[slot.id] for slot in slots]


async def slot_read(session: AsyncSession, slot: Slot) -> SlotRead:
    """Return one slot as answers show it."""
    return (await slot_reads(session, [slot]))[0]


async def _texts(
    driver: Driver, slot_ids: Sequence[UUID], modality: str | None, *, published: bool = False
) -> list[str]:
    """Return each slot as JSON, by first day; most of them share the grounds of their prices.

    Parameters
    ----------
    published
        Leave out those that are not: one may have been withdrawn since it was found.
    """
    values = {"slot_ids": slot_ids, "today": today(), "published": published}
    found = await SHOWN.first(driver, values)
    if found is None or found["shown"] is None:
        return []
    grounds = found["grounds"].split(BETWEEN)
    priced = {one: _priced(*json.loads(one), modality=modality) for one in set(grounds)}
    stored = found["shown"].split(BETWEEN)
    return [f"{one[:-1]},{priced[ground]}" for one, ground in zip(stored, grounds, strict=True)]


def _priced(
    own_cents: int | None,
    origin: str,
    cap_cents: int | None,
    cap_origin: str | None,
    offers: list[tuple[str, int | None, str]] | None,
    *,
    modality: str | None,
) -> str:
    """Return what follows by rule from what is stored of a slot, as the end of a JSON object."""
    prices = [
        batch_price(
            BatchPrice(made, price_cents, Basis(basis)),
            own_cents=own_cents,
            own_basis=_basis(origin),
            cap_cents=cap_cents,
            cap_basis=_basis(cap_origin),
        )
        for made, price_cents, basis in offers or ()
    ]
    shown = lowest(one for one in prices if modality in {None, one.modality})
    members = {
        "price_cents": shown.price_cents if shown else None,
        "price_basis": shown.basis if shown else None,
        "prices": [one._asdict() for one in prices],
    }
    return to_json(members).decode()[1:]


def _basis(origin: str | None) -> Basis:
    """Return whose word an amount on a row is: what was generated for a scenario is nobody's."""
    return Basis.ILLUSTRATIVE if origin == Origin.SCENARIO else Basis.DECLARED
