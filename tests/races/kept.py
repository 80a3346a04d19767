"""What buyers were told against what the database has: each acknowledged act is there, with its charges, and no other.

The amounts are worked out here once more, from the published terms.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from app.core.clock import today
from tests.races.buyers import Seen, Told
from tests.races.outage import Service

AFTER = {"hold": "held", "release": "released", "confirm": "confirmed", "cancel": "cancelled"}
"""Where a booking stands after each act."""
RESERVATION_PERCENT = 15
LEAVING_PERCENT = {181: 15, 91: 25, 31: 55, 0: 100}
"""What leaving costs in all, by the least notice in days, most notice first."""
RESALE = "resale_credit"


class Charged(NamedTuple):
    """A row of the ledger."""

    booking: str
    kind: str
    cents: int
    resale: str | None


def faults(told: Iterable[Told], service: Service) -> list[str]:
    """Return what was acknowledged and is not in the database, what is there unasked, and what was refused."""
    ledger = service.rows("SELECT booking_id::text, kind, amount_cents, resale_id::text FROM charges ORDER BY id")
    return list(_faults(told, service.bookings(), [Charged(*row) for row in ledger]))


def _faults(told: Iterable[Told], statuses: Mapping[str, str], ledger: Sequence[Charged]) -> Iterator[str]:
    acts: dict[str, list[str]] = defaultdict(list)
    last: dict[str, Seen] = {}
    for one in told:
        if one.booking is None:
            yield f"a {one.verb} was refused: {one.status}, {one.problem}"
        else:
            acts[one.booking.id].append(one.verb)
            last[one.booking.id] = one.booking
    yield from (f"{booking} is in the database unasked" for booking in statuses.keys() - acts.keys())
    charged: dict[str, list[Charged]] = defaultdict(list)
    for row in ledger:
        charged[row.booking].append(row)
    for booking, seen in last.items():
        verb = acts[booking][-1]
        if not seen.status == AFTER[verb] == statuses.get(booking):
            yield f"after {verb}, {booking} was told to be {seen.status} and is {statuses.get(booking, 'lost')}"
        rows = [(row.kind, row.cents) for row in charged[booking] if row.kind != RESALE]
        if rows != (due := _due(seen, acts[booking])):
            yield f"after {', '.join(acts[booking])}, {booking} is charged {rows}, not {due}"
        yield from _false_credits(booking, acts, charged[booking])


def _due(seen: Seen, acts: Sequence[str]) -> list[tuple[str, int]]:
    """Return the charges that acts on a booking leave, but for days that are sold again."""
    lines = []
    if "confirm" in acts:
        lines.append(("reservation_fee", _share(seen, RESERVATION_PERCENT)))
    if "cancel" in acts:
        notice = (seen.start - today()).days
        percent = next(share for least, share in LEAVING_PERCENT.items() if notice >= least)
        lines.append(("cancellation_fee", _share(seen, percent) - _share(seen, RESERVATION_PERCENT)))
    return [line for line in lines if line[1]]


def _share(seen: Seen, percent: int) -> int:
    return seen.price_cents * percent // 100


def _false_credits(booking: str, acts: Mapping[str, Sequence[str]], charged: Sequence[Charged]) -> Iterator[str]:
    """Yield credits for days that nobody has taken again, or beyond what leaving them had cost."""
    given = [row for row in charged if row.kind == RESALE]
    for row in given:
        if "cancel" not in acts[booking] or "confirm" not in acts.get(str(row.resale), ()):
            yield f"{booking} is credited {row.cents} for {row.resale}, which did not take its days"
    cost = sum(row.cents for row in charged if row.kind != RESALE)
    if not -cost <= sum(row.cents for row in given) <= 0:
        yield f"{booking} cost {cost}, and is credited {[row.cents for row in given]}"
