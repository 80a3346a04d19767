"""The union of the pages is the whole set, under ties, nulls and inserts between them; `next` and `Link` agree."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from app.bookings.models import Booking, BookingSource, BookingStatus, Charge, ChargeKind
from app.capacity.models import Slot, SlotOpening, SlotStatus
from app.catalogue.models import Unit
from app.core.database import transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from app.identity.models import Organisation
from app.requests.models import Product
from tests.support.world import World, day

pytestmark = pytest.mark.random

EXAMPLES = 300 if os.environ.get("CRENEAU_PROVE") else 20
MOST_ROWS = 12

examples = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


_examples = count(1)


class Row(NamedTuple):
    """A row to be listed: its place in the order, first by something that ties, then by its identifier."""

    example: int
    tie: int
    number: int
    bare: bool
    """Whether what may be null is null."""

    @property
    def id(self) -> UUID:
        """The identifier, in the order of the numbers; another in each example, for rows stay."""
        return UUID(int=self.example << 64 | self.number)


@dataclass(frozen=True)
class Plan:
    """A list, how it is read, and what is inserted after each of its pages."""

    rows: Sequence[Row]
    limit: int
    inserted: Sequence[Sequence[Row]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    row = st.builds(Row, st.just(next(_examples)), st.integers(0, 2), st.integers(0, 2**32), st.booleans())
    rows = draw(st.lists(row, max_size=MOST_ROWS, unique_by=lambda one: one.number))
    first = draw(st.integers(0, len(rows)))
    later = rows[first:]
    cuts = sorted(draw(st.lists(st.integers(0, len(later)), max_size=4)))
    inserted = [later[a:b] for a, b in zip([0, *cuts], [*cuts, len(later)], strict=True)]
    return Plan(rows[:first], draw(st.integers(1, 5)), inserted)


Key = Callable[[Row], Any]
Store = Callable[[Sequence[Row]], Awaitable[None]]


async def check(
    client: httpx.AsyncClient, path: str, headers: Mapping[str, str], plan: Plan, key: Key, store: Store
) -> None:
    """Read a list page by page while rows are inserted, and check what was seen of it."""
    await store(plan.rows)
    due = {row.id: key(row) for row in plan.rows}  # what must be seen
    allowed = dict(due)
    seen: list[Any] = []
    following: str | None = f"{path}?limit={plan.limit}"
    waiting = list(plan.inserted)
    while following is not None:
        answer = await client.get(following, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= plan.limit
        seen += [UUID(item["id"]) for item in page["items"]]
        following = page["next"]
        assert answer.links.get("next", {}).get("url") == following
        if following is not None and waiting:
            rows = waiting.pop(0)
            await store(rows)
            allowed |= {row.id: key(row) for row in rows}
            due |= {row.id: key(row) for row in rows if key(row) > allowed[seen[-1]]}
    assert len(seen) == len(set(seen)), "a row was shown twice"
    assert set(due) <= set(seen), "a row was left out"
    keys = [allowed[one] for one in seen]
    assert keys == sorted(keys)


def by_id(row: Row) -> UUID:
    return row.id


def by_day(row: Row) -> tuple[int, UUID]:
    return row.tie, row.id


@dataclass
class Place:
    """A CDMO with many units, and a slot of another for what needs one."""

    planner: Mapping[str, str]
    units: Sequence[Unit]
    elsewhere: Slot


@pytest.fixture
async def place(world: World) -> Place:
    cdmo, planner = await world.cdmo()
    units = [await world.unit(cdmo) for _ in range(MOST_ROWS)]
    other, _ = await world.cdmo()
    return Place(planner, units, await world.slot(await world.unit(other)))


@examples
@given(plan=plans())
async def test_slots_by_day(client: httpx.AsyncClient, world: World, place: Place, plan: Plan) -> None:
    free = iter(place.units)

    async def store(rows: Sequence[Row]) -> None:
        async with transaction(world.sessions) as session:
            session.add_all(
                Slot(
                    id=row.id,
                    unit_id=next(free).id,
                    period=period(day(row.tie), day(60)),
                    reserve=Reserve.OPEN,
                    status=SlotStatus.DRAFT if row.bare else SlotStatus.PUBLISHED,
                    price_cents=None if row.bare else 5,
                )
                for row in rows
            )

    async with transaction(world.sessions) as session:
        await session.execute(delete(SlotOpening))
        await session.execute(delete(Slot).where(Slot.id != place.elsewhere.id))  # type: ignore[arg-type]
    await check(client, "/v1/slots", place.planner, plan, by_day, store)


async def reader(world: World) -> tuple[Organisation, Product, Mapping[str, str]]:
    """A start-up that has nothing yet."""
    startup, key = await world.startup()
    return startup, await world.product(startup), key


def ended(row: Row, slot: Slot, startup: Organisation, product: Product) -> Booking:
    """A booking that is in nobody's way."""
    return Booking(
        id=row.id,
        slot_id=slot.id,
        unit_id=slot.unit_id,
        organisation_id=startup.id,
        product_id=None if row.bare else product.id,
        source=BookingSource.CRISIS if row.bare else BookingSource.DIRECT,
        batches=1,
        period=period(day(row.tie), day(50)),
        delivery_on=day(90),
        reserve=Reserve.OPEN,
        status=BookingStatus.CANCELLED,
        price_cents=100,
    )


@examples
@given(plan=plans())
async def test_bookings(client: httpx.AsyncClient, world: World, place: Place, plan: Plan) -> None:
    startup, product, key = await reader(world)

    async def store(rows: Sequence[Row]) -> None:
        async with transaction(world.sessions) as session:
            session.add_all(ended(row, place.elsewhere, startup, product) for row in rows)

    await check(client, "/v1/bookings", key, plan, by_id, store)


@examples
@given(plan=plans())
async def test_charges(client: httpx.AsyncClient, world: World, place: Place, plan: Plan) -> None:
    startup, _, key = await reader(world)
    other, _, _ = await reader(world)

    async def store(rows: Sequence[Row]) -> None:
        async with transaction(world.sessions) as session:
            session.add_all(
                Charge(
                    id=row.id,
                    organisation_id=startup.id if row.bare or row.tie else other.id,
                    counterparty_id=None if row.bare else other.id if row.tie else startup.id,
                    kind=ChargeKind.RESERVATION_FEE,
                    amount_cents=row.tie + 1,
                )
                for row in rows
            )

    await check(client, "/v1/charges", key, plan, by_id, store)
