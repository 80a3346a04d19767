"""Closing the ledger of a crisis that ends: its statement is written down, with whatever does not add up.

A fault does not keep a crisis from ending; it is recorded, and shown. After the end the database takes no more charges
of the crisis but corrections that say what they correct.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record
from app.bookings.models import Charge, FailureCause
from app.crisis import closing_repository, repository
from app.crisis.closing_models import CrisisClosing
from app.crisis.closing_rules import Due, Entry, statement
from app.crisis.models import Crisis, CrisisMode, CrisisOrder, Displacement, DisplacementStatus, OrderStatus
from app.crisis.rules import due_cents

UNCHARGED = frozenset({OrderStatus.ISSUED, OrderStatus.COUNTERED, OrderStatus.WITHDRAWN, OrderStatus.RELEASED})
"""Orders that nothing is due for when all is settled: never charged, or credited since."""


async def close_ledger(session: AsyncSession, author: Author, crisis: Crisis) -> CrisisClosing:
    """Write down the ledger of a crisis that ends, after the last of its charges."""
    found = await ledger_of(session, crisis)
    closing = CrisisClosing(crisis_id=crisis.id, is_balanced=not found["faults"], statement=found)
    session.add(closing)
    code = None if closing.is_balanced else "ledger_fault"
    await record(session, author, "crisis.ledger_closed", closing, reason_code=code)
    return closing


async def ledger_of(session: AsyncSession, crisis: Crisis) -> dict[str, Any]:
    """Return the statement of a crisis's ledger as it stands; a drill's is empty, for nothing is charged in it."""
    await session.flush()
    charges = await closing_repository.charges_of(session, crisis.id)
    orders = await repository.all_orders(session, crisis.id)
    displacements = await repository.all_displacements(session, crisis.id)
    sides = {one.organisation_id for one in charges} | {one.counterparty_id for one in charges if one.counterparty_id}
    names = await closing_repository.names_of(session, sides)
    causes = await closing_repository.failure_causes(session, crisis.id)
    dues = () if crisis.mode is CrisisMode.DRILL else dues_of(crisis.rules, orders, displacements, causes)
    return statement([_entry(one) for one in charges], dues, names)


def dues_of(
    rules: Mapping[str, Any],
    orders: Iterable[CrisisOrder],
    displacements: Iterable[Displacement],
    causes: Mapping[UUID, FailureCause | None],
) -> Iterator[Due]:
    """Yield what is due for each order and each displacement by where it stands.

    Parameters
    ----------
    rules
        Those of the crisis, as they are stored.
    causes
        Where the cause lies, by order, of each campaign that has failed.
    """
    for order in orders:
        due = 0 if order.status in UNCHARGED else order.price_cents
        if order.status is OrderStatus.FAILED:
            due = due_cents(rules, order.price_cents, causes.get(order.id))
        yield Due("order", order.id, due)
    for one in displacements:
        effective = one.status is DisplacementStatus.EFFECTIVE
        yield Due("booking", one.booking_id, one.compensation_cents if effective else 0)


def _entry(charge: Charge) -> Entry:
    order_id = charge.detail.get("order_id")
    return Entry(
        organisation_id=charge.organisation_id,
        counterparty_id=charge.counterparty_id,
        kind=charge.kind,
        amount_cents=charge.amount_cents,
        order_id=UUID(order_id) if order_id else None,
        booking_id=charge.booking_id,
        code=charge.detail.get("code"),
    )
