"""Crisis slots on loan: lent under terms, recalled with notice, and nothing taken from what is lent already."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import col

from app.audit.models import AuditRecord
from app.bookings.models import Booking, BookingSource
from app.capacity.models import Slot
from app.capacity.rules import recall_dates
from app.capacity.supply import Span
from app.catalogue.models import Unit
from app.core.clock import today
from app.core.database import transaction
from app.core.vocabulary import Reserve
from app.identity.models import Organisation, OrganisationKind
from app.requests.models import Product
from tests.app.capacity.rows import agreement, book
from tests.support.world import World, day


@dataclass
class Lender:
    """A CDMO with a slot kept for crises, 120 days long, and a start-up that would take it on loan."""

    client: httpx.AsyncClient
    world: World
    cdmo: Organisation
    unit: Unit
    slot: Slot
    own: Any
    buyer: Any
    product: Product

    async def post(self, verb: str, body: object = None, *, by: Any = None, expect: int = 200) -> Any:
        answer = await self.client.post(f"/v1/slots/{self.slot.id}/{verb}", json=body, headers=by or self.own)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def lend(self, notice: int = 30, longest: int | None = None, *, expect: int = 200) -> Any:
        return await self.post("lend", {"recall_notice_days": notice, "max_lent_days": longest}, expect=expect)

    async def hold(self, start: int = 0, *, expect: int = 201, **given: Any) -> Any:
        body = {
            "slot_id": str(self.slot.id),
            "start": str(day(start)),
            "product_id": str(self.product.id),
            "accepts_recallable": True,
        }
        answer = await self.client.post("/v1/bookings", json=body | given, headers=self.buyer)
        assert answer.status_code == expect, answer.text
        return answer.json()


@pytest.fixture
async def lender(client: httpx.AsyncClient, world: World) -> Lender:
    cdmo, own = await world.cdmo()
    startup, buyer = await world.startup()
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, reserve=Reserve.CRISIS)
    return Lender(client, world, cdmo, unit, slot, own, buyer, await world.product(startup))


def codes(problem: Any) -> list[str]:
    return [one["code"] for one in problem["reasons"]]


async def test_a_crisis_slot_is_for_booking_while_it_is_lent(lender: Lender) -> None:
    assert codes(await lender.hold(expect=409)) == ["reserved_for_crises"]
    read = await lender.lend(30, 60)
    assert (read["lendable"], read["recall_notice_days"], read["max_lent_days"]) == (True, 30, 60)
    assert codes(await lender.hold(accepts_recallable=False, expect=409)) == ["recallable_not_accepted"]
    held = await lender.hold()
    assert (held["reserve"], held["recallable"]) == ("crisis", True)
    # Two batches take 40 + 17 + 3 days, three take 77: longer than is lent.
    refused = await lender.hold(43, batches=3, expect=409)
    assert [(one["code"], one["asked"], one["offered"]) for one in refused["reasons"]] == [("lent_too_long", 77, 60)]
    request = await lender.world.request(lender.product, accepts_recallable=True)
    matches = await lender.client.get(f"/v1/requests/{request.id}/matches", headers=lender.buyer)
    (option,) = matches.json()["options"]
    assert option["recallable"] is True
    assert ("recallable", 30) in [(one["code"], one["value"]) for one in option["cautions"]]


async def test_only_a_published_crisis_slot_is_lent_and_only_by_its_own_cdmo(lender: Lender) -> None:
    _, other = await lender.world.cdmo()
    terms = {"recall_notice_days": 30}
    for by, expect in ((other, 404), (lender.buyer, 403)):
        for verb in ("lend", "recall"):
            await lender.post(verb, terms if verb == "lend" else None, by=by, expect=expect)
    refused = await lender.post("recall", expect=409)
    assert (refused["type"], refused["lendable"]) == ("urn:creneau:problem:not-for-lending", False)
    for given_, facts in (
        ({"reserve": Reserve.OPEN}, {"reserve": "open", "slot_status": "published"}),
        ({"reserve": Reserve.CRISIS, "status": "draft"}, {"reserve": "crisis", "slot_status": "draft"}),
    ):
        lender.slot = await lender.world.slot(lender.unit, 200, 300, **given_)
        refused = await lender.lend(expect=409)
        assert refused["type"] == "urn:creneau:problem:not-for-lending"
        assert facts.items() <= refused.items()


async def test_terms_are_bounded_and_agree_with_the_agreement(lender: Lender) -> None:
    for body, pointer in (
        ({}, "/recall_notice_days"),
        ({"recall_notice_days": -1}, "/recall_notice_days"),
        ({"recall_notice_days": 1, "max_lent_days": 0}, "/max_lent_days"),
    ):
        assert (await lender.post("lend", body, expect=422))["errors"][0]["pointer"] == pointer
    promise = await agreement(lender.world, lender.cdmo, reserve=Reserve.CRISIS, recoverable_within_days=14)
    url = f"/v1/slots/{lender.slot.id}"
    joined = await lender.client.patch(url, json={"agreement_id": str(promise.id)}, headers=lender.own)
    assert joined.status_code == 200, joined.text
    refused = await lender.lend(15, expect=422)
    assert refused["errors"][0]["pointer"] == "/recall_notice_days"
    assert (await lender.lend(14))["recall_notice_days"] == 14


async def test_a_recall_ends_lending_and_says_when_the_slot_is_free(lender: Lender) -> None:
    await lender.lend(30)
    held = await lender.hold(0)
    recalled = await lender.post("recall")
    assert recalled["lent"] == [{"start": str(day(0)), "end": str(day(43))}]
    assert (recalled["slot"]["lendable"], recalled["recall_notice_days"]) == (False, 30)
    assert recalled["free_on"] == str(day(43))
    assert recalled["recallable_from_on"] == str(today() + timedelta(days=30))
    assert recalled["free_in_crisis_on"] == str(day(0))
    assert codes(await lender.hold(60, expect=409)) == ["reserved_for_crises"]
    confirmed = await lender.client.post(f"/v1/bookings/{held['id']}/confirm", headers=lender.buyer)
    assert (confirmed.status_code, confirmed.json()["recallable"]) == (200, True)
    again = await lender.post("recall")
    assert again["slot"]["version"] == recalled["slot"]["version"]
    async with transaction(lender.world.sessions) as session:
        actions = select(col(AuditRecord.action)).where(col(AuditRecord.object_id) == lender.slot.id)
        assert list(await session.scalars(actions.order_by(col(AuditRecord.id)))) == ["slot.lent", "slot.recalled"]
    await lender.lend(30)
    await lender.hold(60)


@pytest.mark.parametrize(
    ("change", "in_the_way"),
    [
        ({"recall_notice_days": 29}, [(0, 43), (50, 110)]),
        ({"recall_notice_days": None, "lendable": False}, [(0, 43), (50, 110)]),
        ({"max_lent_days": 59}, [(50, 110)]),
        ({"reserve": "open", "lendable": False}, [(0, 43), (50, 110)]),
        ({"recall_notice_days": 45, "max_lent_days": 60}, None),
        ({"lendable": False}, None),
    ],
)
async def test_what_is_lent_keeps_its_terms(
    lender: Lender, change: dict[str, Any], in_the_way: list[tuple[int, int]] | None
) -> None:
    await lender.lend(30)
    await lender.hold(0)
    await lender.hold(50, batches=2)
    answer = await lender.client.patch(f"/v1/slots/{lender.slot.id}", json=change, headers=lender.own)
    if in_the_way is None:
        assert answer.status_code == 200, answer.text
        return
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:creneau:problem:slot-booked")
    assert answer.json()["booked"] == [{"start": str(day(start)), "end": str(day(end))} for start, end in in_the_way]


async def test_a_recall_carries_the_tag_of_the_slot(lender: Lender) -> None:
    await lender.lend(30)
    url = f"/v1/slots/{lender.slot.id}"
    headers = {**lender.own, "Idempotency-Key": "once", "If-Match": '"2"'}
    recalled, again = [await lender.client.post(f"{url}/recall", headers=headers) for _ in range(2)]
    assert recalled.headers["etag"] == again.headers["etag"] == '"3"'
    seen = {**lender.own, "If-Match": recalled.headers["etag"]}
    assert (await lender.client.get(url, headers=lender.own)).headers["etag"] == recalled.headers["etag"]
    assert (await lender.client.patch(url, json={"price_cents": 5}, headers=seen)).status_code == 200


async def test_a_campaign_of_a_crisis_is_no_loan(lender: Lender) -> None:
    await lender.lend(30)
    owner = await lender.world.organisation(OrganisationKind.AUTHORITY)
    await book(lender.world, lender.slot, owner, 0, 43, source=BookingSource.CRISIS)
    assert (await lender.post("recall"))["lent"] == []


async def test_a_hold_meets_a_recall_and_either_is_told_of_the_other(lender: Lender) -> None:
    for attempt in range(6):
        await lender.lend(30)
        start = {"start": str(day(10 * attempt)), "product_id": str(lender.product.id)}
        hold = {"slot_id": str(lender.slot.id), "accepts_recallable": True, **start}
        held, recalled = await asyncio.gather(
            lender.client.post("/v1/bookings", json=hold, headers=lender.buyer),
            lender.client.post(f"/v1/slots/{lender.slot.id}/recall", headers=lender.own),
        )
        assert recalled.status_code == 200, recalled.text
        assert held.status_code in {201, 409}, held.text
        listed = [one["start"] for one in recalled.json()["lent"]]
        assert (start["start"] in listed) is (held.status_code == 201)
        async with transaction(lender.world.sessions) as session:
            for booking in await session.scalars(select(Booking)):
                await session.delete(booking)


async def test_a_recalled_slot_forgets_its_terms_when_it_is_kept_for_crises_no_more(lender: Lender) -> None:
    await lender.lend(30, 60)
    await lender.post("recall")
    url = f"/v1/slots/{lender.slot.id}"
    kept = await lender.client.patch(url, json={"price_cents": 5}, headers=lender.own)
    assert (kept.status_code, kept.json()["recall_notice_days"]) == (200, 30), kept.text
    opened = await lender.client.patch(url, json={"reserve": "open"}, headers=lender.own)
    assert (opened.status_code, opened.json()["recall_notice_days"], opened.json()["max_lent_days"]) == (
        200,
        None,
        None,
    )


spans = st.tuples(st.integers(0, 300), st.integers(1, 90)).map(lambda one: Span(day(one[0]), day(one[0] + one[1])))


@given(st.lists(spans, max_size=5), st.integers(0, 120), st.dates(date(2029, 10, 1), date(2030, 10, 1)))
def test_after_the_days_of_a_recall_nothing_is_lent(lent: list[Span], notice_days: int, on: date) -> None:
    slot = Span(day(0), day(400))
    found = recall_dates(slot, lent, notice_days, on)
    assert max(on, slot.start_on) <= found.free_in_crisis_on <= found.free_on
    assert all(one.end_on <= found.free_on for one in lent)
    late = [one for one in lent if one.end_on > found.free_in_crisis_on]
    assert all(one.start_on >= found.recallable_from_on for one in late)
    assert found.recallable_from_on - on == timedelta(days=notice_days)
