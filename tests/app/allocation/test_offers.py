"""Offers that are answered late, twice, or at the same moment."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.offers import expire_offers
from app.core.database import SessionFactory, make_session_factory, transaction
from tests.app.allocation.conftest import PATIENCE_SECONDS, Contest, Rounds, contest, planned_by_greed
from tests.support.world import World

pytestmark = pytest.mark.database


@pytest.fixture
def sessions(owner: AsyncEngine) -> SessionFactory:
    return make_session_factory(owner)


async def published(world: World, rounds: Rounds) -> tuple[Contest, str]:
    made = await contest(world)
    round_id, _ = await planned_by_greed(rounds, world)
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    return made, round_id


async def offer_to(client: httpx.AsyncClient, made: Contest, name: str) -> str:
    [offer] = (await client.get("/v1/offers", headers=made.headers[name])).json()["items"]
    return str(offer["id"])


async def let_run_out(owner: AsyncEngine) -> None:
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE offers SET expires_at = now() - interval '1 minute'"))
        await connection.execute(text("UPDATE bookings SET hold_expires_at = now() - interval '1 minute'"))


async def test_a_generated_slot_marks_the_plan_the_offer_and_the_booking(
    client: httpx.AsyncClient, world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    made = await contest(world)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE slots SET origin = 'scenario'"))
    round_id, run = await planned_by_greed(rounds, world)
    assert {one["origin"] for one in run["placed"]} == {"scenario"}
    assert {one["origin"] for one in run["unplaced"]} <= {"real"}
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    offers = (await client.get("/v1/offers", headers=made.headers["second"])).json()["items"]
    assert [one["origin"] for one in offers] == ["scenario"]
    alone = await client.get(f"/v1/offers/{offers[0]['id']}", headers=made.headers["second"])
    assert (alone.json(), alone.headers["etag"]) == (offers[0], f'"{offers[0]["version"]}"')
    foreign = await client.get(f"/v1/offers/{offers[0]['id']}", headers=made.headers["first"])
    assert foreign.status_code == 404
    booking = await client.get(f"/v1/bookings/{offers[0]['booking_id']}", headers=made.headers["second"])
    assert booking.json()["origin"] == "scenario"


async def test_an_offer_tells_what_its_cdmo_owes_and_keeps_it(
    client: httpx.AsyncClient, world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    made = await contest(world)
    round_id, _ = await planned_by_greed(rounds, world)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE production_lines SET cdmo_cancellation_percent = 40"))
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE production_lines SET cdmo_cancellation_percent = 5"))
    [offer] = (await client.get("/v1/offers", headers=made.headers["second"])).json()["items"]
    assert offer["cdmo_cancellation_percent"] == 40
    quote = await client.get(f"/v1/bookings/{offer['booking_id']}/quote", headers=made.headers["second"])
    assert quote.json()["cdmo_cancellation_percent"] == 40


async def test_an_offer_that_ran_out_cannot_be_accepted_and_its_period_is_free(
    client: httpx.AsyncClient,
    world: World,
    rounds: Rounds,
    owner: AsyncEngine,
    sessions: SessionFactory,
) -> None:
    made, round_id = await published(world, rounds)
    await let_run_out(owner)
    offer = await offer_to(client, made, "second")
    answer = await client.post(f"/v1/offers/{offer}/accept", headers=made.headers["second"])
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:creneau:problem:offer-expired")
    async with transaction(sessions) as session:
        await expire_offers(session)
        await expire_offers(session)
    async with owner.connect() as connection:
        states = await connection.execute(
            text(
                "SELECT o.status, b.status, r.status FROM offers o JOIN bookings b ON b.id = o.booking_id"
                " JOIN requests r ON r.id = o.request_id"
            )
        )
        assert {tuple(row) for row in states} == {("expired", "expired", "unmet")}
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "settled"
    answer = await client.post(f"/v1/offers/{offer}/accept", headers=made.headers["second"])
    assert answer.json()["type"] == "urn:creneau:problem:offer-expired"


async def test_the_last_two_answers_at_once_settle_the_round(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    made, round_id = await published(world, rounds)
    offers = {name: await offer_to(client, made, name) for name in ("second", "third")}
    answers = await asyncio.gather(
        *(client.post(f"/v1/offers/{offer}/accept", headers=made.headers[name]) for name, offer in offers.items())
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "settled"


async def test_ten_answers_to_one_offer_have_one_effect(
    client: httpx.AsyncClient, world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    made, _ = await published(world, rounds)
    offer = await offer_to(client, made, "second")
    verbs = ["accept", "decline"] * 5
    answers = await asyncio.gather(
        *(client.post(f"/v1/offers/{offer}/{verb}", headers=made.headers["second"]) for verb in verbs)
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 9}
    async with owner.connect() as connection:
        recorded = await connection.execute(
            text("SELECT count(*) FROM audit_records WHERE object_type = 'offers' AND object_id = :id"), {"id": offer}
        )
        assert recorded.scalar_one() == 2


async def test_a_place_held_for_an_offer_is_answered_by_the_offer_alone(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    made, _ = await published(world, rounds)
    [offer] = (await client.get("/v1/offers", headers=made.headers["second"])).json()["items"]
    for verb in ("confirm", "release"):
        path = f"/v1/bookings/{offer['booking_id']}/{verb}"
        assert (await client.post(path, headers=made.headers["second"])).status_code == 409
    answer = await client.post(f"/v1/offers/{offer['id']}/accept", headers=made.headers["second"])
    assert answer.status_code == 200


async def sent_until_answered(client: httpx.AsyncClient, path: str, headers: Mapping[str, str]) -> httpx.Response:
    """Send a request, and again with its key while the answer is 503: whoever waits too long for a lock is told so."""
    keyed = {**headers, "Idempotency-Key": uuid4().hex}
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await client.post(path, headers=keyed)
        while answer.status_code == 503:
            await asyncio.sleep(int(answer.headers["retry-after"]))
            answer = await client.post(path, headers=keyed)
    return answer


async def test_two_publications_at_once_make_the_offers_once(world: World, rounds: Rounds, owner: AsyncEngine) -> None:
    await contest(world)
    round_id, _ = await planned_by_greed(rounds, world)
    path = f"/v1/rounds/{round_id}/publish"
    answers = await asyncio.gather(*(sent_until_answered(rounds.client, path, rounds.headers) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    async with owner.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM offers")) == 2


async def test_on_a_line_that_reviews_an_accepted_offer_awaits_its_cdmo(
    client: httpx.AsyncClient, world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    """What the CDMO has found feasible is placed; the booking is its own to approve where the slot asks for that."""
    made = await contest(world)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE line_modalities SET is_standard = false"))
        await connection.execute(
            text(
                "INSERT INTO feasibilities (id, request_id, line_id, disclosed_summary, consented_at, status, origin)"
                " SELECT gen_random_uuid(), r.id, l.id, 's', now(), 'feasible', 'real'"
                " FROM requests r, production_lines l"
            )
        )
    round_id, run = await planned_by_greed(rounds, world)
    assert len(run["placed"]) == 2
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    offer = await offer_to(client, made, "second")
    answer = await client.post(f"/v1/offers/{offer}/accept", headers=made.headers["second"])
    assert answer.json()["booking_status"] == "awaiting_cdmo"
