"""The package price of a campaign in a slot, as far as its parts are published."""

from app.core.vocabulary import Reserve
from app.matching.facts import ModalityTerms, SlotFacts
from app.matching.outcome import Price, Terms
from app.matching.policy import MatchPolicy


def batch_price_cents(offer: ModalityTerms, slot: SlotFacts, reserve: Reserve) -> int | None:
    """Return the price of one batch in a slot, or None if nobody has said.

    The slot's own price stands before the line's. In the start-up reserve the agreement's cap is the most there is
    to pay, and the price where none is published.
    """
    listed = slot.price_cents if slot.price_cents is not None else offer.price_cents
    if reserve is not Reserve.STARTUP or slot.capped_price_cents is None:
        return listed
    return slot.capped_price_cents if listed is None else min(listed, slot.capped_price_cents)


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
