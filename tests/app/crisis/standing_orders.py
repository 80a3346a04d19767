"""Orders as they stand, for tests without a database: places on lines of 2,000 L, as `test_campaigns` has them."""

from datetime import timedelta
from uuid import UUID

from app.crisis.models import OrderStatus
from app.crisis.standing import Release, StandingOrder
from tests.support.world import day

A_BATCH = 20_000


def order(number: int, start: int, batches: int = 1, **given: object) -> StandingOrder:
    """Return an order of so many batches that starts on a day, on the line and in the slot of its number."""
    days = 40 + 17 * (batches - 1)
    facts: dict[str, object] = {
        "order_id": UUID(int=1_000 + number),
        "organisation_id": UUID(int=4),
        "slot_id": UUID(int=100 + number),
        "unit_id": UUID(int=200 + number),
        "start_on": day(start),
        "end_on": day(start + days + 3),
        "batches": batches,
        "price_cents": 100 * batches,
        "status": OrderStatus.ISSUED,
        "releases": tuple(Release(day(start + 50 + 17 * batch), A_BATCH) for batch in range(batches)),
    }
    return StandingOrder(**(facts | given))  # type: ignore[arg-type]


def late(order_: StandingOrder, days: int) -> tuple[Release, ...]:
    """Return what an order releases when it is late."""
    return tuple(Release(one.on + timedelta(days=days), one.doses) for one in order_.releases)
