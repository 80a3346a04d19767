"""The union of the pages is the whole set, under ties, nulls and inserts between them; `next` and `Link` agree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import httpx
import pytest
from hypothesis import given
from sqlalchemy import delete

from app.bookings.models import Booking, BookingSource, BookingStatus, Charge, ChargeKind
from app.capacity import search_rules, slot_views
from app.capacity.models import Slot, SlotOpening, SlotStatus
from app.catalogue.models import Unit
from app.core.database import transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from app.identity.models import Organisation
from app.requests.models import Product
from tests.app.core.paging_plans import MOST_ROWS, Plan, Row, by_day, by_id, check, examples, plans, reader
from tests.support.world import World, day

pytestmark = pytest.mark.random


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


WINDOW_DAYS = 20
"""In each example another stretch of days is searched: what was booked in the ones before cannot be removed."""


@dataclass
class Market:
    """A buyer, and units of which a search for a region finds every second one."""

    startup: Organisation
    product: Product
    buyer: Mapping[str, str]
    units: Mapping[bool, Sequence[Unit]]
    """By whether they are in the region."""
    windows: Iterator[int] = field(default_factory=count)


@pytest.fixture
async def market(world: World) -> Market:
    cdmo, _ = await world.cdmo()
    units = {
        near: [await world.unit(cdmo, site={"region": "Bretagne" if near else "Grand Est"}) for _ in range(MOST_ROWS)]
        for near in (True, False)
    }
    return Market(*await reader(world), units)


def near(row: Row) -> bool:
    return row.number % 2 == 1


@pytest.mark.parametrize(
    ("wanted", "few_units"),
    [("", 0), ("&region=Bretagne&modality=monoclonal_antibody", 0), ("&region=Bretagne", MOST_ROWS)],
    ids=["all units", "many units", "few units"],
)
@examples
@given(plan=plans())
async def test_the_search_for_what_is_free(
    client: httpx.AsyncClient,
    world: World,
    market: Market,
    monkeypatch: pytest.MonkeyPatch,
    wanted: str,
    few_units: int,
    plan: Plan,
) -> None:
    """Slots of which nothing is free are passed over: a page goes on after them, in one statement for each slot."""
    for name in ("FIRST_EXAMINED", "MORE_EXAMINED", "MOST_EXAMINED"):
        monkeypatch.setattr(slot_views, name, 1)
    monkeypatch.setattr(search_rules, "FEW_UNITS", few_units)
    first = WINDOW_DAYS * next(market.windows)
    free = {near: iter(units) for near, units in market.units.items()}

    async def store(rows: Sequence[Row]) -> None:
        slots = [
            Slot(
                id=row.id,
                unit_id=next(free[near(row)]).id,
                # The first of them are under way on the first day that is asked for.
                period=period(day(first + row.tie - 1), day(first + WINDOW_DAYS - 3)),
                reserve=Reserve.OPEN,
            )
            for row in rows
        ]
        async with transaction(world.sessions) as session:
            session.add_all(slots)
            await session.flush()
            session.add_all(taken(slot, market) for slot, row in zip(slots, rows, strict=True) if row.bare)

    path = f"/v1/slots?available=true&min_days=10&start={day(first)}&end={day(first + WINDOW_DAYS)}{wanted}"
    await check(
        client,
        path,
        market.buyer,
        plan,
        by_day,
        store,
        shown=lambda row: not row.bare and (near(row) or not wanted),
    )


def taken(slot: Slot, market: Market) -> Booking:
    """A booking that leaves nothing of a slot; when it is delivered is nobody's affair here."""
    return Booking(
        slot_id=slot.id,
        unit_id=slot.unit_id,
        organisation_id=market.startup.id,
        product_id=market.product.id,
        batches=1,
        period=slot.period,
        delivery_on=day(0),
        reserve=Reserve.OPEN,
        status=BookingStatus.CONFIRMED,
        price_cents=100,
    )
