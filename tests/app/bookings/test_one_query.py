"""What a hold reads in one query is what the rest of the service reads in several."""

from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from app.capacity.facts import slot_facts, unit_facts
from app.capacity.models import Agreement, Slot
from app.capacity.places import place_facts
from app.core.clock import now, today
from app.core.database import make_session_factory, transaction
from app.core.driver import driver_of
from app.core.model import new_id, period
from app.core.vocabulary import Reserve
from app.identity.models import OrganisationLabel
from app.requests.facts import NEED, need_of, priorities, request_facts
from app.requests.models import Qualification, QualificationLevel
from tests.app.bookings.conftest import Market
from tests.support.world import day


async def test_the_facts_of_a_place(market: Market, owner: AsyncEngine) -> None:
    await market.world.add(
        Agreement(
            organisation_id=market.cdmo.id,
            funder="State",
            reserve=Reserve.STARTUP,
            period=period(day(0), day(900)),
            batch_days_per_quarter=40,
            capped_price_cents=90_000_000,
        )
    )
    await market.hold(10)
    await market.hold(60, product_id=str(market.product.id))
    async with transaction(make_session_factory(owner)) as session:
        place = await place_facts(await driver_of(session), market.slot.id)
        assert place is not None
        [unit] = (await unit_facts(session, unit_ids=[market.unit.id])).values()
        [[slot]] = (await slot_facts(session, slot_ids=[market.slot.id])).values()
        assert place.unit == unit
        assert place.facts == slot
        assert len(slot.busy) == 2
        stored = await session.get_one(Slot, market.slot.id)
        assert vars(place.slot) == {name: getattr(stored, name) for name in Slot.model_fields}
        assert await place_facts(await driver_of(session), new_id()) is None


async def test_the_need_of_a_product(market: Market, owner: AsyncEngine) -> None:
    site_id = (await market.read("/v1/lines", market.buyer))["items"][0]["site_id"]
    for level in QualificationLevel:
        await market.world.add(
            Qualification(product_id=market.product.id, site_id=site_id, level=level, volume_l=200.0)
        )
    yesterday = today() - timedelta(days=1)
    for name, first, last in (
        ("holds", None, None),
        ("holds too", yesterday, today()),
        ("is over", None, yesterday),
        ("begins", today() + timedelta(days=1), date(2040, 1, 1)),
    ):
        await market.world.add(
            OrganisationLabel(
                organisation_id=market.startup.id, name=name, issuer="State", valid_from_on=first, valid_to_on=last
            )
        )
    market.request.submitted_at = now()
    async with transaction(make_session_factory(owner)) as session:
        need = need_of(await NEED.one(await driver_of(session), {"product_id": market.product.id}), today())
        assert need is not None
        assert need.labels == ("holds", "holds too")
        [facts] = (await request_facts(session, [market.request.id])).values()
        assert len(facts.qualifications) == len(QualificationLevel)
        found = need.facts_of(market.request)
        assert sorted(found.qualifications, key=str) == sorted(facts.qualifications, key=str)
        assert found.modality == facts.modality
        assert found.french_startup == facts.french_startup
        stored = await session.merge(market.request)
        await session.flush()
        [priority] = (await priorities(session, [stored.id], today())).values()
        assert need.priority_of(stored, today()) == priority
        assert await NEED.one(await driver_of(session), {"product_id": new_id()}) is None
