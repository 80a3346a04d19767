"""What a crisis tells whom: in the transaction that does it, in two languages, with how it can be contested."""

from typing import Any, get_args

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.database import transaction
from app.core.tenancy import EVERYBODY, acting_for
from app.crisis.amendment_activation import REASON
from app.crisis.notice_wording import REASONS
from app.crisis.order_schemas import CounterReason
from app.crisis.schemas import StandDownCommand
from app.crisis.telling import UNNEEDED
from tests.app.crisis.conftest import CONTESTED_TARGET, Contested, Crises, contested, iso, power
from tests.support.world import World

pytestmark = pytest.mark.database


async def notices(crises: Crises, crisis_id: str, **by: Any) -> list[Any]:
    return list((await crises.get(f"/{crisis_id}/notices", **by))["items"])


async def activated(crises: Crises, world: World, **given: Any) -> tuple[Contested, str]:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, **given)
    return place, crisis_id


def test_every_reason_that_can_be_given_is_told_in_words() -> None:
    ends = get_args(StandDownCommand.model_fields["reason_code"].annotation)
    assert REASONS.keys() >= {*CounterReason, *ends, REASON, UNNEEDED, "validity_over"}


async def test_activation_tells_the_maker_of_its_order_and_the_owner_what_is_to_come(
    crises: Crises, world: World
) -> None:
    place, crisis_id = await activated(crises, world)
    order = await crises.order_of(crisis_id)
    [issued] = await notices(crises, crisis_id, by=place.made.headers)
    assert (issued["kind"], issued["order_id"]) == ("order_issued", order["id"])
    assert issued["respond_by_at"] == order["respond_by_at"]
    assert issued["facts"]["order"]["start"] == order["start"]
    assert issued["facts"]["act"]["reference"] == "Act on requisition_or_order"
    [coming] = await notices(crises, crisis_id, by=place.first.headers)
    facts = coming["facts"]
    assert (coming["kind"], coming["reason_code"]) == ("will_give_way", "crisis_displaced")
    assert facts["from"]["start"] == iso(20)
    assert facts["to"]["start"] == iso(143)
    assert facts["compensation_cents"] == 10_000_000
    assert facts["act"] == {
        "kind": "requisition_or_order",
        "reference": "Act on requisition_or_order",
        "signatory": "The minister",
    }
    assert facts["contest"]["within_months"] == 2
    for language, said in {
        "en": ("€100,000.00", "The minister", "R. 421-1", "confirmed by counsel", "Until then nothing changes"),
        "fr": ("100\u202f000,00\u00a0€", "The minister", "R. 421-1", "conseil juridique", "rien ne change"),
    }.items():
        assert [one for one in said if one not in coming["text"][language]] == []
    await crises.get(f"/{crisis_id}/notices", by=place.second.headers, expect=404)
    seen = await notices(crises, crisis_id, by=crises.authority)
    assert [one["id"] for one in seen] == [one["id"] for one in await notices(crises, crisis_id)]
    assert {one["kind"] for one in seen} == {"order_issued", "will_give_way"}


async def test_the_order_accepted_tells_the_owner_that_its_lot_gave_way_and_the_leaders_of_the_answer(
    crises: Crises, world: World
) -> None:
    place, crisis_id = await activated(crises, world)
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    assert [one["kind"] for one in await notices(crises, crisis_id, by=place.first.headers)] == [
        "will_give_way",
        "gave_way",
    ]
    answered = [one for one in await notices(crises, crisis_id) if one["kind"] == "order_answered"]
    assert len({one["organisation_id"] for one in answered}) == 2
    assert {one["facts"]["answer"] for one in answered} == {"accepted"}
    assert {one["facts"]["cdmo"] for one in answered} == {place.made.cdmo.name}


async def test_a_counter_tells_the_owner_that_its_lot_keeps_its_place_and_why(crises: Crises, world: World) -> None:
    place, crisis_id = await activated(crises, world)
    order = await crises.order_of(crisis_id)
    body = {"earliest": iso(60), "reason_code": "equipment"}
    await crises.post(f"/{crisis_id}/orders/{order['id']}/counter", body, by=place.made.headers)
    *_, keeps = await notices(crises, crisis_id, by=place.first.headers)
    assert (keeps["kind"], keeps["reason_code"]) == ("keeps_place", "crisis_order_countered")
    assert "contre-proposition" in keeps["text"]["fr"]
    assert "contest" not in keeps["facts"]


async def test_a_lot_that_its_owner_has_cancelled_is_not_told_to_keep_its_place(crises: Crises, world: World) -> None:
    place, crisis_id = await activated(crises, world)
    lot = f"/v1/bookings/{place.first.booking.id}/cancel"
    gone = await crises.client.post(lot, json={"reason_code": "funding"}, headers=place.first.headers)
    assert gone.status_code == 200, gone.text
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    assert [one["kind"] for one in await notices(crises, crisis_id, by=place.first.headers)] == ["will_give_way"]


async def test_the_notices_of_a_drill_go_to_nobody_outside(crises: Crises, world: World) -> None:
    place, crisis_id = await activated(crises, world, mode="drill", powers=[power("exercise")])
    for outside in (place.made.headers, place.first.headers):
        await crises.get(f"/{crisis_id}/notices", by=outside, expect=404)
    for leader in (crises.coordinator, crises.authority):
        assert {one["kind"] for one in await notices(crises, crisis_id, by=leader)} == {"order_issued", "will_give_way"}


async def test_what_was_told_is_neither_altered_nor_removed(crises: Crises, world: World) -> None:
    await activated(crises, world)
    for change in ("UPDATE crisis_notices SET reason_code = 'other'", "DELETE FROM crisis_notices"):
        with acting_for(EVERYBODY), pytest.raises(DBAPIError, match="only ever added"):
            async with transaction(world.sessions) as session:
                await session.execute(text(change))


async def test_a_notice_names_the_act_that_the_signed_plan_rests_on(crises: Crises, world: World) -> None:
    await contested(world)
    powers = [
        power("requisition_or_order", act_reference="Elsewhere", scope={"regions": ["Nowhere"]}),
        power("requisition_or_order", act_reference="Here"),
    ]
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, powers=powers)
    told = (await crises.get(f"/{crisis_id}/notices"))["items"]
    assert {one["kind"]: one["facts"]["act"]["reference"] for one in told} == {
        "order_issued": "Here",
        "will_give_way": "Here",
    }
