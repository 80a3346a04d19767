"""Slots under an agreement: what counts towards it, and until when its cap holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from app.core.vocabulary import Origin, Reserve
from tests.app.capacity.rows import agreement
from tests.app.capacity.test_slots import body
from tests.support.world import World, day


async def test_the_cap_of_an_agreement_holds_until_release(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    _, startup = await world.startup()
    unit = await world.unit(cdmo)
    made = await agreement(world, cdmo, capped_price_cents=60_000_000, origin=Origin.SCENARIO)
    reserved: dict[str, Any] = {"reserve": Reserve.STARTUP, "agreement_id": made.id}
    capped = await world.slot(unit, 0, 10, **reserved)
    cheaper = await world.slot(unit, 10, 20, **reserved, price_cents=5)
    released = await world.slot(unit, 20, 30, **reserved, releases_on=datetime.now(UTC).date() - timedelta(days=2))
    prices = {}
    for slot in (capped, cheaper, released):
        read = (await client.get(f"/v1/slots/{slot.id}", headers=startup)).json()
        prices[slot.id] = (read["price_cents"], read["price_basis"])
    assert prices == {
        capped.id: (60_000_000, "illustrative"),
        cheaper.id: (5, "declared"),
        released.id: (100_000_000, "declared"),
    }


async def test_a_slot_counts_towards_an_agreement_that_it_fits(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    other, _ = await world.cdmo()
    unit = await world.unit(cdmo)
    fitting = await agreement(world, cdmo)
    foreign = await agreement(world, other)
    misfits = (
        {"agreement_id": str(foreign.id), "reserve": "startup"},
        {"agreement_id": str(fitting.id), "reserve": "open"},
        {"agreement_id": str(fitting.id), "reserve": "startup", "start": str(day(400)), "end": str(day(450))},
        {"agreement_id": str((await agreement(world, cdmo, modality="viral_vector_aav")).id), "reserve": "startup"},
    )
    for misfit in misfits:
        answer = await client.post("/v1/slots", json=body(unit) | misfit, headers=own)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == "/agreement_id"
    fits = body(unit, reserve="startup", agreement_id=str(fitting.id))
    assert (await client.post("/v1/slots", json=fits, headers=own)).status_code == 201
