"""What a crisis has cost whom, and whether its ledger adds up: pure, in cents.

An order is charged once, to the authority, in favour of its CDMO. A compensation is mirrored: the authority owes it,
and the owner of the lot is credited with it. So each row of an order counts on both of its sides, each row of a
compensation on its own, and everything that is paid is received: the balances add up to nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from app.bookings.models import ChargeKind

COMPENSATION = ChargeKind.DISPLACEMENT_COMPENSATION
RESTORED = "restored"


class Entry(NamedTuple):
    """One row of the ledger, as far as its sums go: owed by an organisation if positive, credited to it if negative."""

    organisation_id: UUID
    counterparty_id: UUID | None
    kind: ChargeKind
    amount_cents: int
    order_id: UUID | None = None
    booking_id: UUID | None = None
    code: str | None = None


class Due(NamedTuple):
    """What is to be found for an order or a displaced booking when it is settled; `code` says what it is."""

    subject: str
    subject_id: UUID | None
    cents: int


def balances(entries: Iterable[Entry]) -> dict[UUID, dict[str, int]]:
    """Return by organisation what it pays (positive) or receives (negative): for orders, for compensations, in all."""
    found: dict[UUID, dict[str, int]] = defaultdict(
        lambda: {"orders_cents": 0, "compensation_cents": 0, "balance_cents": 0}
    )
    for entry in entries:
        name = "compensation_cents" if entry.kind is COMPENSATION else "orders_cents"
        sides = [(entry.organisation_id, entry.amount_cents)]
        if entry.kind is not COMPENSATION and entry.counterparty_id is not None:
            sides.append((entry.counterparty_id, -entry.amount_cents))
        for organisation_id, cents in sides:
            found[organisation_id][name] += cents
            found[organisation_id]["balance_cents"] += cents
    return dict(found)


def faults(entries: Sequence[Entry], dues: Iterable[Due]) -> list[dict[str, Any]]:
    """Return what does not add up: a row with one side alone, an amount that is not what was due, a total.

    An order is due from one payer alone: what another was charged or credited with for it is a fault of its own.

    A compensation that was paid and is owed back in part, for its lot has its place again, is due as it was.
    """
    found = [_fault("one_sided", "charge", None, 0, one.amount_cents) for one in entries if one.counterparty_id is None]
    mirrored: dict[UUID | None, int] = defaultdict(int)
    for entry in entries:
        if entry.kind is COMPENSATION:
            mirrored[entry.booking_id] += entry.amount_cents
    found += [_fault("not_mirrored", "booking", one, 0, cents) for one, cents in mirrored.items() if cents]
    expected = {(due.subject, due.subject_id): due.cents for due in dues}
    paid = _paid(entries)
    for subject, subject_id in sorted(expected.keys() | paid.keys(), key=str):
        due, done = expected.get((subject, subject_id), 0), paid.get((subject, subject_id), 0)
        if due != done:
            found.append(_fault("not_as_due", subject, subject_id, due, done))
    found += _wrong_payers(entries, expected)
    total = sum(one["balance_cents"] for one in balances(entries).values())
    if total:
        found.append(_fault("unbalanced", "crisis", None, 0, total))
    return found


def _wrong_payers(
    entries: Iterable[Entry], expected: Mapping[tuple[str, UUID | None], int]
) -> Iterator[dict[str, Any]]:
    """Yield where what one organisation pays for an order is neither nothing nor what is due for it."""
    paid: dict[tuple[UUID | None, UUID], int] = defaultdict(int)
    for entry in entries:
        if entry.kind is not COMPENSATION:
            paid[entry.order_id, entry.organisation_id] += entry.amount_cents
    for (order_id, _), cents in paid.items():
        due = expected.get(("order", order_id), 0)
        if cents not in (0, due):
            yield _fault("wrong_payer", "order", order_id, due, cents)


def _paid(entries: Iterable[Entry]) -> dict[tuple[str, UUID | None], int]:
    """Return what was paid for each order and each displaced booking, before anything was owed back for that one."""
    orders: dict[tuple[str, UUID | None], int] = defaultdict(int)
    sides: dict[tuple[UUID | None, UUID], int] = defaultdict(int)
    for entry in entries:
        if entry.kind is not COMPENSATION:
            orders["order", entry.order_id] += entry.amount_cents
        elif entry.code != RESTORED:
            sides[entry.booking_id, entry.organisation_id] += entry.amount_cents
    bookings: dict[tuple[str, UUID | None], int] = defaultdict(int)
    for (booking_id, _), cents in sides.items():
        bookings["booking", booking_id] += max(0, cents)
    return orders | bookings


def _fault(code: str, subject: str, subject_id: UUID | None, due: int, found: int) -> dict[str, Any]:
    told = str(subject_id) if subject_id else None
    return {"code": code, "subject": subject, "subject_id": told, "due_cents": due, "found_cents": found}


def statement(entries: Sequence[Entry], dues: Iterable[Due], names: Mapping[UUID, str]) -> dict[str, Any]:
    """Return the statement of a ledger: what each organisation pays or receives, the totals, and what is wrong."""
    by_organisation = balances(entries)
    orders = [entry.amount_cents for entry in entries if entry.kind is not COMPENSATION]
    owed = [entry for entry in entries if entry.kind is COMPENSATION and entry.amount_cents > 0]
    return {
        "organisations": [
            {"organisation_id": str(one), "name": names.get(one), **by_organisation[one]}
            for one in sorted(by_organisation)
        ],
        "orders_charged_cents": sum(cents for cents in orders if cents > 0),
        "orders_credited_cents": -sum(cents for cents in orders if cents < 0),
        "compensation_cents": sum(entry.amount_cents for entry in owed if entry.code != RESTORED),
        "returned_cents": sum(entry.amount_cents for entry in owed if entry.code == RESTORED),
        "net_cost_cents": sum(orders) + _net(owed),
        "balance_cents": sum(one["balance_cents"] for one in by_organisation.values()),
        "faults": faults(entries, dues),
    }


def _net(owed: Iterable[Entry]) -> int:
    return sum(-entry.amount_cents if entry.code == RESTORED else entry.amount_cents for entry in owed)
