"""The package price of a campaign in a slot, as far as its parts are published."""

from app.capacity.rules import effective_price_cents
from app.core.vocabulary import Reserve
from app.matching.facts import ModalityTerms, SlotFacts
from app.matching.outcome import Price, Terms
from app.matching.policy import MatchPolicy


def batch_price_cents(offer: ModalityTerms, slot: SlotFacts, reserve: Reserve) -> int | None:
    """Return the price of one batch in a slot, or None if nobody has said; the cap is for the start-up reserve."""
    cap = slot.capped_price_cents if reserve is Reserve.STARTUP else None
    return effective_price_cents(offer.price_cents, own_cents=slot.price_cents, cap_cents=cap)


def package_price(
    offer: ModalityTerms, slot: SlotFacts, reserve: Reserve, terms: Terms, policy: MatchPolicy
) -> Price | None:
    """Return the price of the whole campaign, an engineering batch at the price of any other; None if unknown.

    Lent crisis slots come at the policy's discount, rounded down to the cent in favour of the seller.
    """
    each = batch_price_cents(offer, slot, reserve)
    if each is None:
        return None
    batches, engineering = each * terms.batches, each * terms.engineering_batches
    lent = reserve is Reserve.CRISIS
    return Price(
        batches_cents=batches,
        engineering_cents=engineering,
        lending_discount_cents=(batches + engineering) * policy.lending_discount_percent // 100 if lent else 0,
        transfer_cents=None if terms.transfer_days else 0,
    )
