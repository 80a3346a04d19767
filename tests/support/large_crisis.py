"""A signed crisis of as many orders as wanted, planned and signed by the service itself, only without a search."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from app.bookings.models import Booking, BookingStatus
from app.capacity.models import Slot
from app.catalogue.models import Unit
from app.core.bulk import insert_all
from app.core.database import SessionFactory, make_engine, make_session_factory, transaction
from app.core.model import period
from app.core.plain import new_row
from app.core.settings import Settings
from app.core.vocabulary import GmpPhase, Reserve
from app.identity.models import Organisation
from app.main import create_app
from app.requests.models import Product, Request, RequestStatus
from tests.app.crisis.conftest import Crises, iso
from tests.support.client import Client
from tests.support.large_plan import WantedPlan
from tests.support.world import World, day

STARTUPS = 5
BATCH, PRICE_CENTS = 20_000, 100_000_000
SLOT, HELD, TARGET_BY = (0, 200), (20, 63), 60
"""Days of a slot, of the lot in it, and by when a batch is wanted: it starts by day 10, and takes the lot's place."""


@dataclass(frozen=True, slots=True)
class LargeCrisis:
    """A crisis with so many orders in free places, and so many in those of lots that move to another slot.

    `slots` are those of the orders, and after them the spare ones.
    """

    crisis_id: str
    free: int
    moved: int
    coordinator: Mapping[str, str]
    authority: Mapping[str, str]
    maker: Mapping[str, str]
    owners: Mapping[UUID, Mapping[str, str]]
    slots: Sequence[Slot]

    @property
    def activation(self) -> str:
        """The path that activates it."""
        return f"/v1/crises/{self.crisis_id}/activate"


@asynccontextmanager
async def large_crises(settings: Settings) -> AsyncIterator["LargeCrises"]:
    """Give what stores crises in a database that has nothing yet."""
    assert settings.database_owner_url is not None
    engine = make_engine(settings.database_owner_url, settings, is_owner=True)
    world = World(make_session_factory(engine))
    await world.add_modalities()
    app = create_app(settings)
    try:
        async with (
            app.router.lifespan_context(app),
            Client(transport=httpx.ASGITransport(app), base_url="http://test") as client,
        ):
            crises = Crises(client, world, await world.coordinator(), await world.authority())
            yield LargeCrises(world, crises)
    finally:
        await engine.dispose()


@dataclass
class LargeCrises:
    """Stores crises of one coordinator and one authority, each with calendars of its own."""

    world: World
    crises: Crises
    _makers: list[str] = field(default_factory=list)

    @property
    def sessions(self) -> SessionFactory:
        """Those of the owner's role."""
        return self.world.sessions

    async def planned(self, *, free: int, moved: int, spare: int = 0, choices_s: int = 0) -> tuple[LargeCrisis, Any]:
        """Have a crisis of `free + moved` orders planned, and return it with its plan.

        Parameters
        ----------
        spare
            Slots beside those of the orders, each with another lot of a project that gives way.
        choices_s
            The time for plans to choose from; with it their run waits to be solved.
        """
        cdmo, maker = await self.world.cdmo()
        slots = await self._slots(cdmo, free + moved + spare)
        owners = await self._lots(slots[free:], projects=moved)
        crises = self.crises
        wanted = [{"by": iso(TARGET_BY), "quantity": (free + moved) * BATCH}]
        # The calendars of earlier ones are out of its reach, or each would hold still those of all before it.
        crisis_id = await crises.declared(targets=wanted, scope={"excluded_organisation_ids": self._makers.copy()})
        self._makers.append(str(cdmo.id))
        run_id = await crises.run_of(crisis_id, choices_s=choices_s)
        units = [slot.unit_id for slot in slots]
        await WantedPlan(self.sessions, free=units[:free], moved=units[free : free + moved]).end(run_id)
        [plan] = (await crises.get(f"/{crisis_id}/plans"))["items"]
        made = LargeCrisis(crisis_id, free, moved, crises.coordinator, crises.authority, maker, owners, slots)
        return made, plan

    async def signed(self, *, free: int, moved: int) -> LargeCrisis:
        """Have such a crisis planned, and its plan signed by two people."""
        made, plan = await self.planned(free=free, moved=moved)
        await self.crises.signed_by_both(made.crisis_id, plan)
        return made

    async def _slots(self, cdmo: Organisation, count: int) -> list[Slot]:
        """Store slots, each on a unit of its own of one line."""
        first = await self.world.unit(cdmo)
        units = [first, *(new_row(Unit, line_id=first.line_id, name=f"Unit {n}") for n in range(2, count + 1))]
        days = period(*map(day, SLOT))
        slots = [new_row(Slot, unit_id=unit.id, period=days, reserve=Reserve.OPEN) for unit in units]
        async with transaction(self.sessions) as session:
            await insert_all(session, Unit, units[1:])
            await insert_all(session, Slot, slots)
        return slots

    async def _lots(self, slots: Sequence[Slot], *, projects: int) -> dict[UUID, Mapping[str, str]]:
        """Store a confirmed lot in each of these slots, of so many projects of a few start-ups, one after the other."""
        startups = [await self.world.startup() for _ in range(STARTUPS)]
        products = [_product(startups[number % STARTUPS][0].id, number) for number in range(projects)]
        requests = [_request(products[number % projects]) for number in range(len(slots))]
        lots = [_lot(slot, request) for slot, request in zip(slots, requests, strict=True)]
        async with transaction(self.sessions) as session:
            await insert_all(session, Product, products)
            await insert_all(session, Request, requests)
            await insert_all(session, Booking, lots)
        return {startup.id: headers for startup, headers in startups}


def _product(organisation_id: UUID, number: int) -> Product:
    return new_row(
        Product,
        organisation_id=organisation_id,
        code_name=f"L-{number}",
        modality="monoclonal_antibody",
        platform="CHO",
    )


def _request(product: Product) -> Request:
    return new_row(
        Request,
        organisation_id=product.organisation_id,
        product_id=product.id,
        batches=1,
        gmp_phase=GmpPhase.PHASE_1,
        earliest_on=day(0),
        latest_delivery_on=day(365),
        status=RequestStatus.BOOKED,
    )


def _lot(slot: Slot, request: Request) -> Booking:
    start, end = HELD
    return new_row(
        Booking,
        slot_id=slot.id,
        unit_id=slot.unit_id,
        organisation_id=request.organisation_id,
        request_id=request.id,
        product_id=request.product_id,
        batches=1,
        period=period(day(start), day(end)),
        delivery_on=day(end + 39),
        reserve=slot.reserve,
        status=BookingStatus.CONFIRMED,
        price_cents=PRICE_CENTS,
    )
