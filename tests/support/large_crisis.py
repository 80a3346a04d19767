"""A signed crisis of as many orders as wanted, stored as planning and signing would have left it, without a solver."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from app.allocation.models import Run, RunKind, RunState
from app.bookings.models import Booking, BookingStatus
from app.capacity.models import FreezeHolder, Slot, SlotFreeze
from app.capacity.service import calendar_versions
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.bulk import insert_all
from app.core.database import SessionFactory, make_engine, make_session_factory, transaction
from app.core.model import period
from app.core.plain import new_row
from app.core.settings import Settings
from app.core.vocabulary import GmpPhase, Reserve
from app.crisis.body import plan_hash
from app.crisis.models import Crisis, CrisisPlan, CrisisStatus
from app.crisis.rules import Tier
from app.identity.models import Organisation
from app.main import create_app
from app.requests.models import Request, RequestStatus
from tests.app.crisis.conftest import Crises
from tests.support.client import Client
from tests.support.world import World, day

STARTUPS = 5
PRICE_CENTS = 100_000_000
ORDERED, HELD, TO = (10, 53), (20, 63), (143, 186)
"""Days of a campaign, of the lot that it displaces, and of the place that this moves to, in the slot of the next."""


@dataclass(frozen=True, slots=True)
class LargeCrisis:
    """A signed crisis with so many orders in free places, and so many in those of lots that move to another slot."""

    crisis_id: str
    free: int
    moved: int
    coordinator: Mapping[str, str]
    authority: Mapping[str, str]
    maker: Mapping[str, str]
    owners: Sequence[Mapping[str, str]]

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

    @property
    def sessions(self) -> SessionFactory:
        """Those of the owner's role."""
        return self.world.sessions

    async def planned(self, *, free: int, moved: int) -> tuple[LargeCrisis, dict[str, Any]]:
        """Store a crisis of `free + moved` orders, and return it with what is to be signed."""
        cdmo, maker = await self.world.cdmo()
        slots, places = await self._slots(cdmo, free + moved)
        lots, owners = await self._lots(slots[free:])
        campaigns = [_campaign(number, places[slot.id]) for number, slot in enumerate(slots, 1)]
        displaced = slots[free:]
        displacements = [
            _displacement(lot, places[slot.id], places[displaced[(number + 1) % moved].id], free + number + 1)
            for number, (slot, lot) in enumerate(zip(displaced, lots, strict=True))
        ]
        crises = self.crises
        crisis_id = await crises.declared()
        plan = await self._plan(UUID(crisis_id), slots, campaigns, displacements)
        return LargeCrisis(crisis_id, free, moved, crises.coordinator, crises.authority, maker, owners), plan

    async def signed(self, *, free: int, moved: int) -> LargeCrisis:
        """Store such a crisis, and have its plan signed by two people."""
        made, plan = await self.planned(free=free, moved=moved)
        await self.crises.sign(made.crisis_id, plan, by=made.coordinator)
        await self.crises.sign(made.crisis_id, plan, by=made.authority)
        return made

    async def _slots(self, cdmo: Organisation, count: int) -> tuple[list[Slot], dict[UUID, dict[str, Any]]]:
        """Store slots of [0, 200), each on a unit of its own of one line, and return them with what a plan tells."""
        first = await self.world.unit(cdmo)
        units = [first, *(new_row(Unit, line_id=first.line_id, name=f"Unit {n}") for n in range(2, count + 1))]
        days = period(day(0), day(200))
        slots = [new_row(Slot, unit_id=unit.id, period=days, reserve=Reserve.OPEN) for unit in units]
        async with transaction(self.sessions) as session:
            await insert_all(session, Unit, units[1:])
            await insert_all(session, Slot, slots)
            line = await session.get_one(ProductionLine, first.line_id)
            site = await session.get_one(Site, line.site_id)
        told = {
            slot.id: {
                "slot_id": str(slot.id),
                "unit_id": str(unit.id),
                "line_id": str(line.id),
                "site_id": str(site.id),
                "organisation_id": str(cdmo.id),
                "site_name": site.name,
                "line_name": line.name,
                "unit_name": unit.name,
                "region": site.region,
                "origin": slot.origin.value,
            }
            for unit, slot in zip(units, slots, strict=True)
        }
        return slots, told

    async def _lots(self, slots: Sequence[Slot]) -> tuple[list[Booking], list[Mapping[str, str]]]:
        """Store a confirmed lot in each of these slots, for requests of a few start-ups."""
        startups = [await self.world.startup() for _ in range(STARTUPS)]
        products = [await self.world.product(startup) for startup, _ in startups]
        requests = [
            new_row(
                Request,
                organisation_id=product.organisation_id,
                product_id=product.id,
                batches=1,
                gmp_phase=GmpPhase.PHASE_1,
                earliest_on=day(0),
                latest_delivery_on=day(365),
                status=RequestStatus.BOOKED,
            )
            for product in (products[number % STARTUPS] for number in range(len(slots)))
        ]
        lots = [_lot(slot, request) for slot, request in zip(slots, requests, strict=True)]
        async with transaction(self.sessions) as session:
            await insert_all(session, Request, requests)
            await insert_all(session, Booking, lots)
        return lots, [headers for _, headers in startups]

    async def _plan(
        self, crisis_id: UUID, slots: Sequence[Slot], campaigns: list[Any], displacements: list[Any]
    ) -> dict[str, Any]:
        """Store the plan that a run has made, with its slots held still, and return what is signed of it."""
        async with transaction(self.sessions) as session:
            crisis = await session.get_one(Crisis, crisis_id)
            versions = await calendar_versions(session, [slot.unit_id for slot in slots])
            body = {
                "rules": crisis.rules,
                "campaigns": campaigns,
                "displacements": displacements,
                "calendar_versions": {str(unit): version for unit, version in versions.items()},
            }
            run = Run(kind=RunKind.CRISIS, crisis_id=crisis_id, state=RunState.CANCELLED)
            session.add(run)
            await session.flush()
            plan = CrisisPlan(
                crisis_id=crisis_id, run_id=run.id, tier=Tier.CONFIRMED, plan_hash=plan_hash(body), body=body
            )
            session.add(plan)
            freezes = [
                new_row(SlotFreeze, slot_id=one.id, holder=FreezeHolder.CRISIS, holder_id=crisis_id) for one in slots
            ]
            await insert_all(session, SlotFreeze, freezes)
            crisis.status = CrisisStatus.PLANNED
            return {"id": str(plan.id), "plan_hash": plan.plan_hash}


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


def _campaign(number: int, place: Mapping[str, Any]) -> dict[str, Any]:
    start, end = ORDERED
    return {
        **place,
        "number": number,
        "start": str(day(start)),
        "end": str(day(end)),
        "batches": 1,
        "engineering_batches": 0,
        "output": 20_000,
        "delivery_on": str(day(end + 7)),
        "price_cents": PRICE_CENTS,
        "tier": int(Tier.FREE_OPEN),
    }


def _displacement(lot: Booking, here: Mapping[str, Any], there: Mapping[str, Any], campaign: int) -> dict[str, Any]:
    start, end = TO
    return {
        "booking_id": str(lot.id),
        "organisation_id": str(lot.organisation_id),
        "kind": "moved",
        "tier": int(Tier.CONFIRMED),
        "recallable": False,
        "from": {
            **here,
            "start": str(lot.period.lower),
            "end": str(lot.period.upper),
            "delivery_on": str(lot.delivery_on),
        },
        "to": {
            **there,
            "start": str(day(start)),
            "end": str(day(end)),
            "delivery_on": str(day(end) + timedelta(days=39)),
            "batches": 1,
            "instant": True,
            "later_days": start - HELD[0],
        },
        "campaigns": [campaign],
        "compensation_cents": PRICE_CENTS // 10,
    }
