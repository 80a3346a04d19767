"""Who sees and decides a booking, and what a CDMO is never told."""

import httpx

from app.core.clock import now
from app.core.database import transaction
from app.requests.models import Feasibility
from tests.app.bookings.conftest import Market


async def test_the_other_side_and_the_coordinator_do_not_decide(market: Market) -> None:
    held = await market.hold()
    coordinator = await market.world.coordinator()
    for headers, verbs in ((market.seller, ("confirm", "release")), (market.buyer, ("approve",))):
        for verb in verbs:
            await market.step(held, verb, by=headers, expect=403)
            await market.step(held, verb, by=coordinator, expect=403)
    await market.step(held, "cancel", by=coordinator, expect=403, reason_code="other")


async def test_to_strangers_a_booking_does_not_exist(market: Market) -> None:
    held = await market.hold()
    _, rival = await market.world.startup()
    _, competitor = await market.world.cdmo()
    for headers in (rival, competitor, await market.world.authority()):
        await market.read(f"/v1/bookings/{held['id']}", headers, expect=404)
        await market.read(f"/v1/bookings/{held['id']}/quote", headers, expect=404)
        await market.step(held, "confirm", by=headers, expect=404)
        await market.step(held, "cancel", by=headers, expect=404, reason_code="other")
        assert (await market.read("/v1/bookings", headers))["items"] == []
        assert (await market.read("/v1/charges", headers))["items"] == []


async def test_a_cdmo_is_never_told_which_product_it_is(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        session.add(
            Feasibility(
                request_id=market.request.id,
                line_id=market.unit.line_id,
                disclosed_summary="An IgG1 from CHO.",
                consented_at=now(),
            )
        )
    held = await market.hold()
    await market.step(held, "confirm", by=market.buyer)
    for path in ("/v1/bookings", f"/v1/bookings/{held['id']}", f"/v1/bookings/{held['id']}/quote", "/v1/charges"):
        answer: httpx.Response = await market.client.get(path, headers=market.seller)
        assert answer.status_code == 200
        assert market.product.code_name not in answer.text
        assert str(market.product.id) not in answer.text
    seen = await market.read(f"/v1/bookings/{held['id']}", market.seller)
    assert (seen["modality"], seen["gmp_phase"]) == ("monoclonal_antibody", "phase_1")
    assert seen["disclosed_summary"] == "An IgG1 from CHO."
    assert (await market.read(f"/v1/bookings/{held['id']}", market.buyer))["product_code_name"] is not None


async def test_the_list_is_whole_and_filtered(market: Market) -> None:
    made = [await market.hold(start, product_id=str(market.product.id)) for start in (0, 43)]
    await market.step(made[0], "release", by=market.buyer)
    url: str | None = "/v1/bookings?limit=1"
    seen: list[str] = []
    while url:
        page = await market.read(url, market.seller)
        seen += [one["id"] for one in page["items"]]
        url = page["next"]
    assert seen == [one["id"] for one in made]
    held = await market.read("/v1/bookings?status=held", market.buyer)
    assert [one["id"] for one in held["items"]] == [made[1]["id"]]
    everything = await market.read("/v1/bookings", await market.world.coordinator())
    assert len(everything["items"]) == 2
