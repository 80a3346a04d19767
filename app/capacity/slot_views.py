"""Slots as answers show them: with their place, what is free, and what a batch costs."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity import slot_repository
from app.capacity.models import Agreement, Slot
from app.capacity.occupancy import span_of
from app.capacity.rules import BatchPrice, batch_price, effective_reserve, lowest
from app.capacity.schemas import BatchPriceRead, SlotRead
from app.capacity.supply import Span
from app.catalogue.models import LineModality
from app.catalogue.place import UnitPlace
from app.catalogue.service import places_of, terms_of_lines
from app.core.clock import today
from app.core.schemas import Days
from app.core.vocabulary import Basis, Origin, Reserve

_SHOWN = SlotRead.model_fields.keys()
_KEPT = tuple((_SHOWN & Slot.model_fields.keys()) - {"unit_id", "price_cents"})


async def slot_reads(session: AsyncSession, slots: Sequence[Slot], *, modality: str | None = None) -> list[SlotRead]:
    """Return slots as answers show them, in a handful of queries whatever their number.

    Parameters
    ----------
    modality
        Whose price `price_cents` shows; None means the cheapest.
    """
    day = today()
    places = await places_of(session, {slot.unit_id for slot in slots})
    terms = await terms_of_lines(session, {place.line_id for place in places.values()})
    wanted = {slot.agreement_id for slot in slots if slot.agreement_id is not None}
    agreements = await slot_repository.agreements_by_id(session, wanted) if wanted else {}
    free = await slot_repository.free_spans(session, [slot.id for slot in slots], day)
    reads, alike = [], {}
    for slot in slots:
        place = places[slot.unit_id]
        reserve = effective_reserve(slot.reserve, slot.releases_on, day)
        key = (place.line_id, slot.price_cents, slot.origin, slot.agreement_id, reserve)
        if key not in alike:
            agreement = agreements.get(slot.agreement_id) if slot.agreement_id else None
            made = [one for one in terms[place.line_id] if one.modality in place.modalities]
            prices = _prices(slot, made, agreement, day)
            alike[key] = (
                [BatchPriceRead.model_construct(**one._asdict()) for one in prices],
                lowest(one for one in prices if modality in {None, one.modality}),
            )
        prices_read, shown = alike[key]
        reads.append(_read(slot, place, free[slot.id], prices_read, shown, effective_reserve=reserve))
    return reads


def _read(
    slot: Slot,
    place: UnitPlace,
    free: Sequence[Span],
    prices: list[BatchPriceRead],
    shown: BatchPrice | None,
    **derived: Any,
) -> SlotRead:
    """Return a slot as it is shown; what comes from the database was checked on its way in, and is not again."""
    span = span_of(slot.period)
    return SlotRead.model_construct(
        **{name: value for name, value in place._asdict().items() if name in _SHOWN},
        **{name: getattr(slot, name) for name in _KEPT},
        **derived,
        start=span.start_on,
        end=span.end_on,
        free=[Days.model_construct(start=one.start_on, end=one.end_on) for one in free],
        price_cents=shown.price_cents if shown else None,
        price_basis=shown.basis if shown else None,
        prices=prices,
    )


def _prices(slot: Slot, terms: Sequence[LineModality], agreement: Agreement | None, day: date) -> list[BatchPrice]:
    """Return the price of a batch of each modality; the cap is for the start-up reserve, until it is released."""
    capped = agreement is not None and effective_reserve(slot.reserve, slot.releases_on, day) is Reserve.STARTUP
    return [
        batch_price(
            BatchPrice(one.modality, one.price_cents, one.basis),
            own_cents=slot.price_cents,
            own_basis=_basis(slot.origin),
            cap_cents=agreement.capped_price_cents if agreement and capped else None,
            cap_basis=_basis(agreement.origin) if agreement else Basis.DECLARED,
        )
        for one in terms
    ]


def _basis(origin: Origin) -> Basis:
    """Return whose word an amount on a row is: what was generated for a scenario is nobody's."""
    return Basis.DECLARED if origin is Origin.REAL else Basis.ILLUSTRATIVE


async def slot_read(session: AsyncSession, slot: Slot) -> SlotRead:
    """Return one slot as answers show it."""
    return (await slot_reads(session, [slot]))[0]
