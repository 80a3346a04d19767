"""From planning to activation the slots in scope are held still; what changes one all the same means planning anew.

Every way to change a calendar is tried while a plan is made, and on a signed one. It is either refused, and the plan is
made, or can be activated as it was signed; or it is a fact that nobody refuses, such as a slip, and the crisis is back
in planning.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings.fees import terms_of
from app.capacity.models import Slot
from app.core.vocabulary import Reserve
from app.matching.outcome import Price
from tests.app.capacity.files import as_csv, send
from tests.app.crisis.conftest import CONTESTED_TARGET, Contested, Crises, contested, iso, scalar
from tests.support.greedy_solver import take_the_place_of_the_solver
from tests.support.world import World, day

pytestmark = pytest.mark.database


@dataclass
class Place(Contested):
    """The same, with a slot that nobody has booked, to which a lot could move."""

    free: Slot


Change = Callable[[httpx.AsyncClient, World, Place], Awaitable[httpx.Response]]


async def staged(world: World, owner: AsyncEngine) -> Place:
    """Store lots that their owners could move, and a free slot of another unit."""
    place = await contested(world)
    terms = terms_of(Price(batches_cents=100_000_000), "monoclonal_antibody", instant=True, cdmo_cancellation_percent=0)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE bookings SET terms = :terms"), {"terms": terms.model_dump_json()})
    free = await world.slot(await world.unit(place.made.cdmo), 100, 180, reserve=Reserve.OPEN)
    return Place(place.made, place.slot, place.first, place.second, free)


async def book(client: httpx.AsyncClient, world: World, place: Place) -> httpx.Response:
    startup, headers = await world.startup()
    request = await world.request(await world.product(startup))
    hold = {"slot_id": str(place.slot.id), "request_id": str(request.id), "start": iso(145)}
    return await client.post("/v1/bookings", json=hold, headers=headers)


async def move(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    body = {"start": iso(145), "reason_code": "supply"}
    path = f"/v1/bookings/{place.second.booking.id}/move"
    return await client.post(path, json=body, headers=place.second.headers)


async def shrink(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    return await client.patch(f"/v1/slots/{place.free.id}", json={"end": iso(150)}, headers=place.made.headers)


async def reclassify(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    body = {"reserve": "startup", "releases_on": iso(-5)}
    return await client.patch(f"/v1/slots/{place.free.id}", json=body, headers=place.made.headers)


async def withdraw(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    return await client.delete(f"/v1/slots/{place.free.id}", headers=place.made.headers)


async def import_edit(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    return await send(client, as_csv([("id", "end"), (place.free.id, day(150))]), place.made.headers)


async def reprice(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    return await client.patch(f"/v1/slots/{place.slot.id}", json={"price_cents": 1}, headers=place.made.headers)


async def import_slot(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    rows = [("unit_id", "start", "end"), (place.made.unit.id, day(300), day(400))]
    return await send(client, as_csv(rows), place.made.headers)


async def import_commitment(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    rows = [("unit_id", "start", "end"), (place.made.unit.id, day(300), day(310))]
    return await send(client, as_csv(rows), place.made.headers, what="commitments")


async def slip(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    body = {"expected_end_on": iso(70), "reason_code": "supply"}
    path = f"/v1/bookings/{place.first.booking.id}/slip"
    return await client.post(path, json=body, headers=place.made.headers)


async def cancel(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    path = f"/v1/bookings/{place.first.booking.id}/cancel"
    return await client.post(path, json={"reason_code": "funding"}, headers=place.first.headers)


async def sign_contract(client: httpx.AsyncClient, _: World, place: Place) -> httpx.Response:
    path = f"/v1/bookings/{place.first.booking.id}/contract"
    return await client.post(path, json={"contract_status": "signed"}, headers=place.made.headers)


REFUSED: tuple[Change, ...] = (book, move, shrink, reclassify, withdraw, import_edit)
FACTS: tuple[Change, ...] = (reprice, import_slot, import_commitment, slip, cancel, sign_contract)


@pytest.mark.parametrize("change", [*REFUSED, *FACTS])
async def test_a_change_is_refused_or_sends_the_crisis_back_to_planning(
    crises: Crises, world: World, owner: AsyncEngine, change: Change
) -> None:
    place = await staged(world, owner)
    crisis_id, _ = await crises.signed(targets=CONTESTED_TARGET)
    answer = await change(crises.client, world, place)
    if change in REFUSED:
        assert answer.json()["type"].rsplit(":", 1)[-1] in {"slot-frozen", "import-refused"}, answer.text
        assert any(
            said in answer.text
            for said in ("is held still while", "While the plan of a crisis is being made or decided on")
        )
        assert (await crises.post(f"/{crisis_id}/activate"))["status"] == "active"
        return
    assert answer.is_success, answer.text
    outdated = await crises.post(f"/{crisis_id}/activate", expect=409)
    assert outdated["type"].endswith("plan-outdated")
    assert outdated["unit_ids"] == [str(place.made.unit.id)]
    assert (await crises.get(f"/{crisis_id}"))["status"] == "declared"
    assert (await crises.get(f"/{crisis_id}/orders"))["items"] == []


@pytest.mark.parametrize("change", [*REFUSED, *FACTS])
async def test_a_change_while_a_plan_is_made_is_refused_or_fails_the_run(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    take_the_place_of_the_solver(monkeypatch)
    place = await staged(world, owner)
    crisis_id = await crises.declared(targets=CONTESTED_TARGET)
    run_id = await crises.run_of(crisis_id)
    await crises.begun(run_id)
    answer = await change(crises.client, world, place)
    run = await crises.solve(run_id)
    if change in REFUSED:
        assert answer.json()["type"].rsplit(":", 1)[-1] in {"slot-frozen", "import-refused"}, answer.text
        assert run["state"] == "succeeded", run["error"]
        return
    assert answer.is_success, answer.text
    assert (run["state"], "Calendars changed" in run["error"]) == ("failed", True)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "declared"
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
