"""What is charged when production has ended: pure functions from terms and charges to the lines of an invoice."""

from collections.abc import Mapping
from typing import NamedTuple

from app.bookings.fees import BookingTerms, share_cents
from app.bookings.models import ChargeKind, FailureCause

CREDITED = (ChargeKind.RESERVATION_FEE, ChargeKind.CANCELLATION_FEE)
"""What counts towards the price, and is credited on the invoice."""


class InvoiceLine(NamedTuple):
    """One amount to charge, and the line of the price that it stands for."""

    kind: ChargeKind
    amount_cents: int
    line: str


def price_invoice(terms: BookingTerms, charged: Mapping[ChargeKind, int]) -> list[InvoiceLine]:
    """Return the invoice of a completed booking: the quote's lines, less what is charged already.

    Every charge of the booking but those for moving then adds up to the quoted price.

    Parameters
    ----------
    charged
        What is charged for the booking so far, by kind.
    """
    lines = []
    for line in terms.price_lines:
        if line.amount_cents:
            kind = ChargeKind.LENDING_DISCOUNT if line.kind == "lending_discount" else ChargeKind.PRICE
            lines.append(InvoiceLine(kind, line.amount_cents, line.kind))
    return lines + _credits(charged, CREDITED)


def failure_invoice(terms: BookingTerms, cause: FailureCause, charged: Mapping[ChargeKind, int]) -> list[InvoiceLine]:
    """Return the invoice of a failed booking: the share of the price that the cause leaves due, fees credited.

    Where nothing is due, what moving cost is credited too.
    """
    percent = terms.failures.percent(cause)
    if percent == 100:
        return price_invoice(terms, charged)
    due = share_cents(terms.price_cents, percent)
    lines = [InvoiceLine(ChargeKind.PRICE, due, "failed")] if due else []
    return lines + _credits(charged, CREDITED if percent else (*CREDITED, ChargeKind.MOVE_FEE))


def _credits(charged: Mapping[ChargeKind, int], kinds: tuple[ChargeKind, ...]) -> list[InvoiceLine]:
    return [InvoiceLine(kind, -charged[kind], "credit") for kind in kinds if charged.get(kind)]
