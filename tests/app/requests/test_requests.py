"""Requests over HTTP: drafted, changed, submitted, withdrawn; each transition once, each fault by its field."""

import asyncio
from typing import Any, ClassVar

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from app.audit.models import AuditRecord
from app.core.database import transaction
from app.identity.models import OrganisationLabel
from app.requests.models import RequestStatus
from tests.app.capacity.rows import book
from tests.support.world import World, day


def body(product: object, **given: Any) -> dict[str, Any]:
    """A sound request for two batches."""
    sound = {
        "product_id": str(product),
        "batches": 2,
        "gmp_phase": "phase_1",
        "earliest_on": day(0).isoformat(),
        "latest_delivery_on": day(365).isoformat(),
    }
    return sound | given


async def test_a_request_is_drafted_submitted_and_withdrawn(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    product = await world.product(startup)
    drafted = await client.post("/v1/requests", json=body(product.id), headers=key)
    assert drafted.status_code == 201, drafted.text
    draft = drafted.json()
    assert (draft["status"], draft["submitted_at"]) == ("draft", None)
    url = f"/v1/requests/{draft['id']}"
    too_early = await client.post(f"{url}/wait", headers=key)
    assert too_early.status_code == 409
    assert too_early.json()["detail"].endswith(f"Submit it first: `POST {url}/submit`.")
    submitted = (await client.post(f"{url}/submit", headers=key)).json()
    assert submitted["status"] == "submitted"
    assert submitted["submitted_at"] is not None
    assert (await client.post(f"{url}/submit", headers=key)).status_code == 409
    assert (await client.post(f"{url}/withdraw", headers=key)).json()["status"] == "withdrawn"
    refused = await client.post(f"{url}/submit", headers=key)
    assert (refused.status_code, refused.json()["request_status"]) == (409, "withdrawn")


async def test_of_many_submissions_at_once_one_submits(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    request = await world.request(await world.product(startup), status=RequestStatus.DRAFT)
    submitting = [client.post(f"/v1/requests/{request.id}/submit", headers=key) for _ in range(5)]
    assert sorted([answer.status_code for answer in await asyncio.gather(*submitting)]) == [200, 409, 409, 409, 409]


async def test_every_write_leaves_a_record(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    product = await world.product(startup)
    made = (await client.post("/v1/requests", json=body(product.id), headers=key)).json()
    await client.patch(f"/v1/requests/{made['id']}", json={"budget_cents": 5}, headers=key)
    await client.post(f"/v1/requests/{made['id']}/submit", headers=key)
    async with transaction(world.sessions) as session:
        records = list(await session.scalars(select(AuditRecord).order_by(col(AuditRecord.id))))
    assert [one.action for one in records] == ["request.created", "request.updated", "request.submitted"]
    changed = records[1]
    assert changed.before is not None
    assert changed.after is not None
    assert (changed.before["budget_cents"], changed.after["budget_cents"]) == (None, 5)
    assert {one.organisation_id for one in records} == {startup.id}


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"batches": None}, ["/batches"]),
    ({"quantity": 10, "quantity_unit": "g"}, ["/batches"]),
    ({"batches": None, "quantity": 10}, ["/quantity_unit"]),
    ({"quantity_unit": "g"}, ["/quantity_unit"]),
    ({"batches": None, "quantity": 10, "quantity_unit": "pounds"}, ["/quantity_unit"]),
    ({"batches": 0}, ["/batches"]),
    ({"volume_min_l": 500, "volume_max_l": 200}, ["/volume_max_l"]),
    ({"volume_min_l": -1}, ["/volume_min_l"]),
    ({"latest_delivery_on": day(0).isoformat()}, ["/latest_delivery_on"]),
    ({"latest_delivery_on": "soon"}, ["/latest_delivery_on"]),
    ({"earliest_on": "9999-12-31"}, ["/earliest_on"]),
    ({"budget_cents": -1}, ["/budget_cents"]),
    ({"gmp_phase": "phase_9"}, ["/gmp_phase"]),
    ({"product_id": "00000000-0000-0000-0000-000000000001"}, ["/product_id"]),
    ({"sites_preferred": ["00000000-0000-0000-0000-000000000001"]}, ["/sites_preferred"]),
    ({"grounds": {"continuity": True}}, ["/grounds/evidence"]),
    ({"grounds": {"evidence": "x" * 10_000}}, ["/grounds/evidence"]),
    ({"batches": None, "volume_min_l": 2, "volume_max_l": 1}, ["/batches", "/volume_max_l"]),
]


async def test_bad_input_names_its_field_and_stores_nothing(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    product = await world.product(startup)
    for change, pointers in BAD:
        refused = await client.post("/v1/requests", json=body(product.id, **change), headers=key)
        assert refused.headers["content-type"] == "application/problem+json"
        named = [error["pointer"] for error in refused.json()["errors"]]
        assert (refused.status_code, named) == (422, pointers), change
    assert (await client.get("/v1/requests", headers=key)).json()["items"] == []


async def test_another_startups_product_is_no_product(client: httpx.AsyncClient, world: World) -> None:
    owner, _ = await world.startup()
    _, key = await world.startup()
    product = await world.product(owner)
    refused = await client.post("/v1/requests", json=body(product.id), headers=key)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/product_id")


async def test_what_is_anothers_is_404(client: httpx.AsyncClient, world: World) -> None:
    startup, _ = await world.startup()
    request = await world.request(await world.product(startup))
    _, rival = await world.startup()
    _, cdmo = await world.cdmo()
    url = f"/v1/requests/{request.id}"
    for key in (rival, cdmo):
        assert (await client.get(url, headers=key)).status_code == 404
        assert (await client.get(f"{url}/matches", headers=key)).status_code == 404
        assert (await client.get("/v1/requests", headers=key)).json()["items"] == []
    for step in ("submit", "withdraw"):
        assert (await client.post(f"{url}/{step}", headers=rival)).status_code == 404
    assert (await client.patch(url, json={"budget_cents": 1}, headers=rival)).status_code == 404
    assert (await client.get(url, headers=await world.coordinator())).json()["id"] == str(request.id)


async def test_a_draft_changes_and_stays_sound(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    product = await world.product(startup)
    made = (await client.post("/v1/requests", json=body(product.id), headers=key)).json()
    url = f"/v1/requests/{made['id']}"
    change = {"batches": None, "quantity": 12_000, "quantity_unit": "g", "earliest_on": day(3).isoformat()}
    changed = (await client.patch(url, json=change, headers=key)).json()
    assert change.items() <= changed.items()
    assert changed["version"] > made["version"]
    for broken, pointer in (
        ({"latest_delivery_on": day(1).isoformat()}, "/latest_delivery_on"),
        ({"batches": 2}, "/batches"),
        ({"gmp_phase": None}, "/gmp_phase"),
    ):
        refused = await client.patch(url, json=broken, headers=key)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await client.get(url, headers=key)).json() == changed


async def test_what_was_submitted_is_settled_but_wishes_are_not(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    request = await world.request(await world.product(startup))
    url = f"/v1/requests/{request.id}"
    refused = await client.patch(url, json={"batches": 3}, headers=key)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/batches")
    changed = await client.patch(url, json={"accepts_europe": True, "budget_cents": None}, headers=key)
    assert changed.json()["accepts_europe"] is True


@pytest.mark.parametrize("status", [RequestStatus.OFFERED, RequestStatus.BOOKED, RequestStatus.FULFILLED])
async def test_what_is_offered_or_booked_is_neither_changed_nor_withdrawn(
    client: httpx.AsyncClient, world: World, status: RequestStatus
) -> None:
    startup, key = await world.startup()
    request = await world.request(await world.product(startup), status=status)
    if status is RequestStatus.BOOKED:
        cdmo, _ = await world.cdmo()
        await book(world, await world.slot(await world.unit(cdmo)), startup, 0, 43, request_id=request.id)
    url = f"/v1/requests/{request.id}"
    assert (await client.patch(url, json={"budget_cents": 1}, headers=key)).status_code == 409
    assert (await client.post(f"{url}/withdraw", headers=key)).status_code == 409
    assert (await client.get(url, headers=key)).json()["status"] == status


async def test_the_list_is_filtered_and_paged(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    product = await world.product(startup)
    made = [await world.request(product) for _ in range(3)]
    await world.request(product, status=RequestStatus.DRAFT)
    seen: list[str] = []
    url: str | None = "/v1/requests?status=submitted&limit=2"
    while url:
        page = (await client.get(url, headers=key)).json()
        seen += [item["id"] for item in page["items"]]
        url = page["next"]
    assert seen == [str(one.id) for one in made]


class TestPriority:
    claim: ClassVar = {"grounds": {"continuity": True, "orphan": True, "evidence": "trial 2029-000123-45"}}

    async def test_a_claim_counts_once_the_coordinator_confirms_it(
        self, client: httpx.AsyncClient, world: World
    ) -> None:
        startup, key = await world.startup()
        product = await world.product(startup)
        made = (await client.post("/v1/requests", json=body(product.id, **self.claim), headers=key)).json()
        # Phase 1 gives 1 point, a French start-up 1; nothing is confirmed, and a draft does not wait.
        assert (made["priority_tier"], made["priority_points"]) == (3, 2)
        url = f"/v1/requests/{made['id']}/grounds"
        assert (await client.post(url, json={"continuity": True}, headers=key)).status_code == 403
        coordinator = await world.coordinator()
        confirmed = (await client.post(url, json={"continuity": True}, headers=coordinator)).json()
        assert (confirmed["priority_tier"], confirmed["priority_points"]) == (1, 2)
        derivation = confirmed["priority_grounds"]["derivation"]
        assert sum(step["points"] for step in derivation["steps"]) == 2
        refused = await client.post(url, json={"unmet_need": True}, headers=coordinator)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/unmet_need")

    async def test_a_new_claim_is_to_be_confirmed_anew(self, client: httpx.AsyncClient, world: World) -> None:
        startup, key = await world.startup()
        product = await world.product(startup)
        made = (await client.post("/v1/requests", json=body(product.id, **self.claim), headers=key)).json()
        url = f"/v1/requests/{made['id']}"
        await client.post(f"{url}/grounds", json={"continuity": True}, headers=await world.coordinator())
        changed = (await client.patch(url, json=self.claim, headers=key)).json()
        assert changed["priority_tier"] == 3

    async def test_a_label_that_holds_lifts_into_the_second_tier(self, client: httpx.AsyncClient, world: World) -> None:
        startup, key = await world.startup()
        product = await world.product(startup)
        ended = OrganisationLabel(organisation_id=startup.id, name="old", issuer="State", valid_to_on=day(-9999))
        await world.add(ended)
        assert (await client.post("/v1/requests", json=body(product.id), headers=key)).json()["priority_tier"] == 3
        await world.add(OrganisationLabel(organisation_id=startup.id, name="Laureate", issuer="State"))
        labelled = (await client.post("/v1/requests", json=body(product.id), headers=key)).json()
        assert (labelled["priority_tier"], labelled["priority_points"]) == (2, 4)
