"""A change starts from the version that its sender saw, or not at all."""

import asyncio
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.errors import DomainError
from app.core.preconditions import MalformedPrecondition, PreconditionRequired, parse_if_match
from app.core.routing import ApiRouter, if_match
from app.identity import dependencies
from app.identity.dependencies import CurrentActor
from app.identity.models import Role
from app.identity.policy import POLICY
from tests.app.bookings.conftest import Market, market
from tests.support.client import Client

__all__ = ["market"]

UNCONDITIONAL = {
    "post /v1/crises/{crisis_id}/plan": "adds a run",
    "post /v1/crises/{crisis_id}/replan": "adds a run",
    "post /v1/crises/{crisis_id}/sign": "the hash that is signed says what was seen",
    "post /v1/rounds/{round_id}/solve": "adds a run",
    "post /v1/runs/{run_id}/replay": "adds a run",
    "post /v1/runs/{run_id}/cancel": "a run changes with every step of its progress",
    "post /v1/products/{product_id}/qualifications": "adds a qualification",
    "delete /v1/alerts/{alert_id}": "removes what has no version",
    "delete /v1/commitments/{commitment_id}": "removes it, whatever it says; may name a version",
    "delete /v1/invitations/{invitation_id}": "ends it for good, whatever it says; may name a version",
    "delete /v1/sessions/{session_id}": "ends what has no version",
}
"""Operations on one object that need no version of it, and why."""

TAGGED_BY_ANOTHER = {
    "/v1/slots/{slot_id}/recall": "the slot",
    "/v1/bookings/{booking_id}/slip": "the booking",
    "/v1/rounds/{round_id}/publish": "the round",
}
"""Changes whose answer has no version of its own, and what their `ETag` is of; each has a test beside its others."""

UNTAGGED = {"/v1/slots/{slot_id}/split": "answers several slots, each with its version"}
"""Changes whose answer has no `ETag`, and why."""


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ('"7"', {7}),
        (' "7" , "12"', {7, 12}),
        ("*", None),
        ('W/"7"', set()),
        ('"x", "7"', {7}),
        ('"07"', set()),
    ],
)
def test_entity_tags_name_versions(header: str, versions: set[int] | None) -> None:
    assert parse_if_match(header) == versions


@pytest.mark.parametrize("header", ["7", '"7', '"7" "8"', ",", '"7",'])
def test_what_is_no_list_of_entity_tags_is_refused(header: str) -> None:
    with pytest.raises(MalformedPrecondition):
        parse_if_match(header)


@pytest.mark.parametrize("header", [None, "", " "])
def test_a_change_without_a_version_is_refused(header: str | None) -> None:
    refusal: type[DomainError] = PreconditionRequired
    with pytest.raises(refusal):
        parse_if_match(header)


async def test_what_is_read_carries_the_tag_of_its_version(market: Market, client: Client) -> None:
    booking = await market.hold()
    read = await client.get(f"/v1/bookings/{booking['id']}", headers=market.buyer)
    assert read.headers["etag"] == f'"{booking["version"]}"'
    listed = await client.get("/v1/bookings", headers=market.buyer)
    assert "etag" not in listed.headers


async def test_a_stale_change_does_nothing(market: Market, client: Client) -> None:
    booking = await market.hold()
    path, seen = f"/v1/bookings/{booking['id']}/confirm", {**market.buyer, "If-Match": f'"{booking["version"]}"'}
    confirmed = await client.post(path, headers=seen)
    assert confirmed.headers["etag"] == f'"{confirmed.json()["version"]}"' != seen["If-Match"]
    stale = await client.post(f"/v1/bookings/{booking['id']}/cancel", json={"reason_code": "funding"}, headers=seen)
    assert (stale.status_code, stale.json()["type"]) == (412, "urn:creneau:problem:stale")
    assert stale.json()["version"] == confirmed.json()["version"]
    assert (await client.get(f"/v1/bookings/{booking['id']}", headers=market.buyer)).json() == confirmed.json()


async def test_anothers_object_is_missing_whatever_version_is_named(market: Market, client: Client) -> None:
    booking = await market.hold()
    _, stranger = await market.world.startup()
    for tag in ('"1"', '"99"'):
        answer = await client.post(f"/v1/bookings/{booking['id']}/confirm", headers={**stranger, "If-Match": tag})
        assert answer.status_code == 404


async def test_of_twenty_changes_to_one_version_one_goes_through(market: Market, client: Client) -> None:
    product = (await client.get(f"/v1/products/{market.product.id}", headers=market.buyer)).json()
    seen = {**market.buyer, "If-Match": f'"{product["version"]}"'}
    answers = await asyncio.gather(
        *(
            client.patch(f"/v1/products/{market.product.id}", json={"code_name": f"P-{number}"}, headers=seen)
            for number in range(20)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19
    [won] = [answer.json() for answer in answers if answer.status_code == 200]
    now = (await client.get(f"/v1/products/{market.product.id}", headers=market.buyer)).json()
    assert now == won


async def test_every_change_of_an_object_wants_a_version(market: Market, client: Client, owner: AsyncEngine) -> None:
    """Each operation on one object answers 428 without `If-Match`, unless it is listed above with a reason.

    Whoever the operation is refused to in any case may be told that instead.
    """
    described = (await client.get("/openapi.json")).json()["paths"]
    keys = {role: await market.world.headers(market.cdmo, role) for role in Role}
    for path, operations in described.items():
        for method in operations.keys() & {"post", "patch", "delete"}:
            if "{" not in path or f"{method} {path}" in UNCONDITIONAL:
                continue
            address = path.replace("{", "").replace("}", "")
            parts = [str(UUID(int=0)) if part.endswith("_id") else part for part in address.split("/")]
            for role in POLICY[method.upper(), path].roles:
                answer = await client.request(
                    method.upper(), "/".join(parts), headers={**keys[role], "If-Match": ""}, json={}
                )
                assert answer.status_code == 428, (method, path, answer.text)


def test_every_answer_to_a_change_tells_a_version(composed: FastAPI) -> None:
    """Each conditional operation that answers anything answers an object with a version, unless it is listed above."""
    described = composed.openapi()
    schemas = described["components"]["schemas"]
    without = set()
    for path, operations in described["paths"].items():
        for operation in operations.values():
            if not any(one["name"] == "If-Match" for one in operation.get("parameters", [])):
                continue
            [answer] = [one for status, one in operation["responses"].items() if status.startswith("2")]
            if "content" not in answer:
                continue
            reference = answer["content"]["application/json"]["schema"]["$ref"]
            if "version" not in schemas[reference.rsplit("/", 1)[1]]["properties"]:
                without.add(path)
    assert without == TAGGED_BY_ANOTHER.keys() | UNTAGGED.keys()


async def test_a_condition_that_nobody_looks_at_fails_the_request(
    market: Market, client: Client, app: FastAPI, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = POLICY["PATCH", "/v1/products/{product_id}"]
    monkeypatch.setattr(dependencies, "POLICY", {("PATCH", "/careless/{product_id}"): rule})
    router = ApiRouter()

    @router.patch("/careless/{product_id}", dependencies=[if_match("product_id")])
    async def careless(actor: CurrentActor, product_id: UUID) -> dict[str, str]:
        return {"actor": str(actor.organisation_id), "product": str(product_id)}

    app.include_router(router)
    answer = await client.patch(f"/careless/{market.product.id}", headers=market.buyer)
    app.router.routes.pop()  # the other tests have the same application
    assert answer.status_code == 500
    async with owner.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM idempotency_keys")) == 0
