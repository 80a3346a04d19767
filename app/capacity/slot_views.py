"""Slots as answers show them: with their place, what is free, and what a batch costs."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.directory import Directory, Entry, with_directory
from app.capacity.models import Slot
from app.capacity.rules import BatchPrice, batch_price, lowest
from app.capacity.schemas import SlotFilter, SlotRead
from app.capacity.search_repository import page_of
from app.capacity.search_rules import search_of
from app.capacity.slot_repository import SHOWN, TERM_NAMES, TERMS, ShownSlot
from app.core.clock import today
from app.core.driver import Driver, Record, driver_of
from app.core.paging import decode_cursor, encode_cursor
from app.core.vocabulary import Basis, Origin

Found = tuple[UUID | None, list[Record]]
"""The name of the state of the catalogue, which rows tell, and the rows that were found in it."""

FIRST_EXAMINED = 2
"""So many times the slots wanted are looked at for what is free of them."""
MORE_EXAMINED = 5
"""So many times as many are looked at where those were too few, and so on."""
MOST_EXAMINED = 5_000
"""No more are looked at in one statement."""


async def page_texts(driver: Driver, query: SlotFilter, owner_id: UUID | None) -> tuple[list[str], str | None]:
    """Return one page of a search by first day, each slot as the JSON of a `SlotRead`, and the cursor of the next.

    Parameters
    ----------
    query
        The price of its modality is shown; without one, the cheapest.
    owner_id
        Whose slots in any status; None means all that are published.
    """
    after = decode_cursor(query.cursor, (date, UUID)) if query.cursor else None

    async def ask(directory: Directory) -> Found:
        return await _found(driver, directory, query, owner_id, after)

    directory, found = await with_directory(driver, ask)
    page = [ShownSlot(*row) for row in found[: query.limit]]
    texts = [_text(one, directory.units[one.unit_id], query.modality) for one in page]
    return texts, encode_cursor(page[-1][:2]) if len(found) > len(page) else None


async def _found(
    driver: Driver, directory: Directory, query: SlotFilter, owner_id: UUID | None, after: tuple[date, UUID] | None
) -> Found:
    """Return the slots of a page, and one more if there are more.

    What is free is looked up for a number of slots at once, which grows while few of them are: for each slot by itself
    it takes ten times as long, and for all that a search might reach, long where the first would have done.
    """
    wanted, day = query.limit + 1, today()
    examined = wanted if query.available is None else FIRST_EXAMINED * wanted
    found: list[Record] = []
    while True:
        shape, values = search_of(directory, query, owner_id, day, after=after)
        rows = await page_of(shape).all(driver, {**values, "examined": examined, "limit": wanted - len(found)})
        found += [row[: len(ShownSlot._fields)] for row in rows if row["id"] is not None]
        state = rows[0]["state"] if rows else None
        ended = not rows or len(found) >= wanted or "reached_id" not in rows[0] or rows[0]["reached_id"] is None
        if ended or state != directory.state:
            return state, found
        after = rows[0]["reached_on"], rows[0]["reached_id"]
        examined = min(MORE_EXAMINED * examined, MOST_EXAMINED)


async def slot_reads(session: AsyncSession, slots: Sequence[Slot]) -> list[SlotRead]:
    """Return slots as answers show them, with the cheapest price, in one query whatever their number."""
    await session.flush()
    driver = await driver_of(session)
    values = {"slot_ids": [slot.id for slot in slots], "today": today()}

    async def ask(_: Directory) -> Found:
        found = await SHOWN.all(driver, values)
        return (found[0]["state"] if found else None), found

    directory, found = await with_directory(driver, ask)
    rows = [ShownSlot(*row) for row in found]
    reads = {one.id: SlotRead.model_validate_json(_text(one, directory.units[one.unit_id], None)) for one in rows}
    return [reads[slot.id] for slot in slots]


async def slot_read(session: AsyncSession, slot: Slot) -> SlotRead:
    """Return one slot as answers show it."""
    return (await slot_reads(session, [slot]))[0]


def _text(slot: ShownSlot, entry: Entry, modality: str | None) -> str:
    """Return the JSON of a `SlotRead`.

    Written by hand, since it is fifty times in each answer: only what the catalogue says, and prices, can hold a
    character that JSON escapes.
    """
    grounds = _Grounds(slot.price_cents, slot.origin, slot.cap_cents, slot.cap_origin)
    return (
        f'{{"id":"{slot.id}",{entry.shown},"start":"{slot.start_on}","end":"{slot.end_on}","free":{_spans(slot.free)},'
        f"{_terms(slot[TERMS])},{_priced(entry.offers, modality, grounds)},"
        f'"agreement_id":{_quoted(slot.agreement_id)},"version":{slot.version}}}'
    )


@lru_cache(maxsize=4_000)
def _terms(terms: tuple[Any, ...]) -> str:
    """Return the terms of a slot as members of a JSON object; many slots share them."""
    return to_json(dict(zip(TERM_NAMES, terms, strict=True))).decode()[1:-1]


def _quoted(value: UUID | None) -> str:
    return "null" if value is None else f'"{value}"'


@lru_cache(maxsize=4_000)
def _spans(stretches: str) -> str:
    """Return the stretches of a multirange, as the server writes it, as a JSON list."""
    inner = stretches[2:-2]
    spans = [one.split(",") for one in inner.split("),[")] if inner else []
    return "[" + ",".join(f'{{"start":"{first}","end":"{end}"}}' for first, end in spans) + "]"


class _Grounds(NamedTuple):
    """What of a slot its prices follow from: its own price, and the cap of its agreement where that applies."""

    own_cents: int | None
    origin: str
    cap_cents: int | None
    cap_origin: str | None


@lru_cache(maxsize=4_000)
def _priced(offers: tuple[BatchPrice, ...], modality: str | None, slot: _Grounds) -> str:
    """Return what batches cost in a slot, as members of a JSON object; most slots of a line share it."""
    prices = [
        batch_price(
            offer,
            own_cents=slot.own_cents,
            own_basis=_basis(slot.origin),
            cap_cents=slot.cap_cents,
            cap_basis=_basis(slot.cap_origin),
        )
        for offer in offers
    ]
    shown = lowest(one for one in prices if modality in {None, one.modality})
    members = {
        "price_cents": shown.price_cents if shown else None,
        "price_basis": shown.basis if shown else None,
        "prices": [one._asdict() for one in prices],
    }
    return to_json(members).decode()[1:-1]


def _basis(origin: str | None) -> Basis:
    """Return whose word an amount on a row is: what was generated for a scenario is nobody's."""
    return Basis.ILLUSTRATIVE if origin == Origin.SCENARIO else Basis.DECLARED
