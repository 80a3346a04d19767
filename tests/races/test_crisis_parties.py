"""Coordinator, authority, a CDMO and start-ups act at the same moment: in whatever order, all ends consistent.

Each round is a crisis of its own, planned and not yet signed. Everybody does their part at random moments, some of it
twice, some of it against the others: sign, activate, accept, counter, withdraw, answer for a place, book, cancel, stand
down; two workers sweep. After each round the ledger and all states are looked at.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import make_session_factory, transaction
from app.core.settings import Settings
from app.core.tenancy import EVERYBODY, acting_for
from app.crisis.first_refusal import settle_unanswered
from app.crisis.silence import escalate_silence
from app.identity.keys import new_key
from app.identity.models import ApiKey, Person, Role
from app.main import create_app
from tests.support.client import Client
from tests.support.large_crisis import LargeCrises, LargeCrisis, large_crises
from tests.support.world import World, day

pytestmark = [pytest.mark.races, pytest.mark.prove, pytest.mark.timeout(1200)]

ROUNDS = 60 if os.environ.get("CRENEAU_PROVE") else 8
SIZE = {"free": 2, "moved": 4}
FINE = {200, 201, 404, 409, 422}
"""What may be answered: done, refused for what another has done first, or not there yet."""
BUSY = 503
TRIES = 8

FAULTS = {
    "an order is charged as it stands": """
        SELECT o.id FROM crisis_orders o LEFT JOIN charges c
            ON c.kind = 'crisis_order' AND c.detail ->> 'order_id' = o.id::text
        GROUP BY o.id HAVING coalesce(sum(c.amount_cents), 0)
            <> CASE WHEN o.status = 'accepted' THEN o.price_cents ELSE 0 END""",
    "a compensation is owed to each who gave way, once, and by nobody else": """
        SELECT d.id FROM displacements d LEFT JOIN charges c
            ON c.kind = 'displacement_compensation' AND c.booking_id = d.booking_id AND c.amount_cents > 0
        GROUP BY d.id HAVING coalesce(sum(c.amount_cents), 0)
            <> CASE WHEN d.status = 'effective' THEN d.compensation_cents ELSE 0 END""",
    "compensations balance": """
        SELECT 1 FROM charges WHERE kind = 'displacement_compensation' HAVING sum(amount_cents) <> 0""",
    "what a lot is owed follows its answer": """
        SELECT d.id FROM displacements d JOIN bookings b ON b.id = d.booking_id WHERE d.compensation_cents
            <> b.price_cents / 10 * CASE WHEN d.answer IN ('declined', 'lapsed') THEN 3 ELSE 1 END""",
    "a lot is displaced exactly when its displacement took effect": """
        SELECT d.id FROM displacements d JOIN bookings b ON b.id = d.booking_id
        WHERE (d.status = 'effective') <> (b.status = 'displaced')""",
    "nobody gives way to an order that was never accepted": """
        SELECT d.id FROM displacements d JOIN crisis_orders o ON o.id = d.order_id
        WHERE d.status = 'effective' AND o.status IN ('issued', 'countered')""",
    "a displacement is pending only while its order may be accepted": """
        SELECT d.id FROM displacements d JOIN crisis_orders o ON o.id = d.order_id JOIN crises c ON c.id = d.crisis_id
        WHERE d.status = 'pending' AND (o.status <> 'issued' OR c.status <> 'active')""",
    "a place is a booking only when its lot gave way and it was taken": """
        SELECT d.id FROM displacements d JOIN bookings r ON r.id = d.replacement_id
        WHERE (r.status IN ('confirmed', 'awaiting_cdmo')) <> (d.status = 'effective' AND d.answer = 'accepted')""",
    "a place is held exactly as long as it is wanted": """
        SELECT d.id FROM displacements d JOIN bookings r ON r.id = d.replacement_id
        WHERE (r.status = 'held') <> ((d.status = 'pending' AND d.answer IS DISTINCT FROM 'declined')
            OR (d.status = 'effective' AND d.answer IS NULL))""",
    "a lot points to the place that was taken, and to no other": """
        SELECT d.id FROM displacements d JOIN bookings b ON b.id = d.booking_id WHERE b.replaced_by_id
            IS DISTINCT FROM CASE WHEN d.status = 'effective' AND d.answer = 'accepted' THEN d.replacement_id END""",
    "a campaign stands exactly as its order": """
        SELECT o.id FROM crisis_orders o LEFT JOIN bookings b ON b.id = o.booking_id
        WHERE (o.status = 'accepted') <> (coalesce(b.status, 'none') = 'confirmed')""",
    "orders stand only under an activated plan, all of them": """
        SELECT p.id FROM crisis_plans p LEFT JOIN crisis_orders o ON o.plan_id = p.id
        GROUP BY p.id HAVING count(o.id) <> CASE WHEN p.status = 'activated' THEN :orders ELSE 0 END""",
    "what is activated was signed by two people in two roles": """
        SELECT p.id FROM crisis_plans p LEFT JOIN crisis_signatures s ON s.plan_id = p.id
        GROUP BY p.id HAVING (p.status IN ('signed', 'activated'))
            <> (count(DISTINCT s.person_id) = 2 AND count(DISTINCT s.role) = 2) OR count(s.id) > 2""",
    "slots are held still only until activation or the end": """
        SELECT f.slot_id FROM slot_freezes f JOIN crises c ON c.id = f.holder_id
        WHERE c.status NOT IN ('declared', 'planned', 'signed')""",
    "a request is booked exactly as long as a booking or a held place serves it": """
        SELECT r.id FROM requests r WHERE (r.status = 'booked') <> EXISTS (
            SELECT FROM bookings b WHERE b.request_id = r.id AND b.moves_id IS NULL
                AND (b.status IN ('confirmed', 'awaiting_cdmo') OR (b.status = 'held' AND b.source = 'replacement')))
            AND EXISTS (
                SELECT FROM displacements d JOIN bookings b ON b.id = d.booking_id WHERE b.request_id = r.id)""",
    "each displacement that took effect was told to its owner, once": """
        SELECT d.id FROM displacements d LEFT JOIN crisis_notices n ON n.displacement_id = d.id AND n.kind = 'gave_way'
        GROUP BY d.id HAVING count(n.id) <> (d.status = 'effective')::int""",
}
"""What is never so, each with the query that finds where it is."""


@dataclass
class Party:
    """Everybody in one crisis, and what they were answered."""

    client: httpx.AsyncClient
    crisis: LargeCrisis
    plan: Mapping[str, Any]
    second_key: Mapping[str, str]
    """The coordinator's own, in the authority's role."""
    sessions: Any
    moment: random.Random
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def send(self, name: str, path: str, by: Mapping[str, str], body: Any = None) -> httpx.Response:
        """Send a POST at some moment, again as long as the service is busy."""
        for _ in range(TRIES):
            await asyncio.sleep(self.moment.uniform(0, 0.15))
            answer = await self.client.post(path, json=body, headers=dict(by))
            if answer.status_code != BUSY:
                break
        self.answers[name, answer.status_code] += 1
        return answer

    async def until_done(self, name: str, path: str, by: Mapping[str, str], body: Any = None) -> None:
        for _ in range(TRIES):
            if (await self.send(name, path, by, body)).is_success:
                return

    def path(self, rest: str) -> str:
        return f"/v1/crises/{self.crisis.crisis_id}{rest}"

    async def listed(self, what: str) -> list[Any]:
        """Return the orders or displacements, once there are any."""
        for _ in range(TRIES):
            found = await self.client.get(self.path(what), headers=dict(self.crisis.coordinator))
            if items := found.json()["items"]:
                return list(items)
            await asyncio.sleep(0.1)
        return []

    async def coordinator(self) -> None:
        signature = {"plan_id": self.plan["id"], "plan_hash": self.plan["plan_hash"]}
        await self.until_done("sign", self.path("/sign"), self.crisis.coordinator, signature)
        await self.until_done("activate", self.path("/activate"), self.crisis.coordinator)

    async def coordinator_again(self) -> None:
        """The same person in the other role, and from another window."""
        signature = {"plan_id": self.plan["id"], "plan_hash": self.plan["plan_hash"]}
        await self.send("sign twice", self.path("/sign"), self.second_key, signature)
        await self.until_done("activate", self.path("/activate"), self.crisis.coordinator)

    async def authority(self) -> None:
        signature = {"plan_id": self.plan["id"], "plan_hash": self.plan["plan_hash"]}
        await self.until_done("sign", self.path("/sign"), self.crisis.authority, signature)

    async def maker(self) -> None:
        """Answer each order, sometimes twice, and drop out of some."""
        orders = await self.listed("/orders")
        await asyncio.gather(*(self._answer(order["id"]) for order in orders for _ in range(2)))

    async def _answer(self, order_id: str) -> None:
        path, by = self.path(f"/orders/{order_id}"), self.crisis.maker
        if self.moment.random() < 0.7:
            await self.send("accept", f"{path}/accept", by)
        else:
            counter = {"earliest": str(day(80)), "reason_code": "staff"}
            await self.send("counter", f"{path}/counter", by, counter)
        if self.moment.random() < 0.3:
            await self.send("withdraw", f"{path}/withdraw", by, {"reason_code": "equipment"})

    async def owners(self) -> None:
        """Answer for each place, sometimes twice; some cancel the lot instead, or try its place directly."""
        given = await self.listed("/displacements")
        await asyncio.gather(*(self._answer_for(one) for one in given for _ in range(2)))

    async def _answer_for(self, one: Any) -> None:
        by = self.moment.choice(self.crisis.owners)
        verb = self.moment.choice(["accept", "decline", "release"])
        if verb == "release":
            await self.send(verb, f"/v1/bookings/{one['replacement_id']}/release", by)
        else:
            await self.send(verb, self.path(f"/displacements/{one['id']}/{verb}"), by)

    async def buyers(self) -> None:
        """Cancel a lot, and book in the slots in scope."""
        for by in self.crisis.owners:
            mine = (await self.client.get("/v1/bookings", headers=dict(by))).json()["items"]
            for booking in mine[:1]:
                hold = {"slot_id": booking["slot_id"], "start": str(day(70)), "request_id": booking["request_id"]}
                await self.send("book", "/v1/bookings", by, hold)

    async def worker(self) -> None:
        """Sweep what is due, and whatever is asked is due at once."""
        for _ in range(5):
            await asyncio.sleep(self.moment.uniform(0, 0.3))
            with acting_for(EVERYBODY):
                for sweep in (escalate_silence, settle_unanswered):
                    async with transaction(self.sessions) as session:
                        await sweep(session)

    async def end(self) -> None:
        await asyncio.sleep(self.moment.uniform(0.3, 1.5))
        if self.moment.random() < 0.5:
            await self.send("stand down", self.path("/stand-down"), self.crisis.coordinator)


async def second_key(world: World, crises: LargeCrises) -> Mapping[str, str]:
    """Store a key of the coordinator's own in the authority's role."""
    me = (await crises.crises.client.get("/v1/me", headers=crises.crises.coordinator)).json()
    key = new_key()
    async with transaction(world.sessions) as session:
        person = await session.get_one(Person, UUID(me["person"]["id"]))
    await world.add(
        ApiKey(
            organisation_id=person.organisation_id,
            person_id=person.id,
            role=Role.AUTHORITY,
            name="another",
            prefix=key.prefix,
            secret_sha256=key.sha256,
        )
    )
    return {"Authorization": f"Bearer {key.plain}"}


@pytest.fixture
async def parties(scratch: Settings, scratch_owner: AsyncEngine) -> AsyncIterator[Callable[[int], Awaitable[Party]]]:
    """Give what makes the parties of another crisis."""
    app = create_app(scratch)
    async with (
        large_crises(scratch) as crises,
        app.router.lifespan_context(app),
        Client(transport=httpx.ASGITransport(app), base_url="http://test", timeout=60) as client,
    ):
        again = await second_key(crises.world, crises)

        async def made(seed: int) -> Party:
            crisis, plan = await crises.planned(**SIZE)
            sessions = make_session_factory(scratch_owner)
            return Party(client, crisis, plan, again, sessions, random.Random(seed))

        yield made


async def faults(owner: AsyncEngine) -> list[str]:
    async with owner.connect() as connection:
        return [
            f"{name}: {found}"
            for name, query in FAULTS.items()
            if (found := (await connection.execute(text(query), _parameters(query))).all())
        ]


def _parameters(query: str) -> dict[str, int]:
    return {"orders": sum(SIZE.values())} if ":orders" in query else {}


async def test_whatever_they_do_at_the_same_moment_all_ends_consistent(
    parties: Callable[[int], Awaitable[Party]], scratch_owner: AsyncEngine
) -> None:
    answers: Counter[tuple[str, int]] = Counter()
    for number in range(ROUNDS):
        party = await parties(number)
        acts = ("coordinator", "coordinator_again", "authority", "maker", "owners", "buyers", "worker", "worker", "end")
        await asyncio.gather(*(getattr(party, act)() for act in acts))
        answers += party.answers
        assert {status for _, status in party.answers} <= FINE, f"round {number}: {party.answers}"
        assert await faults(scratch_owner) == [], f"round {number}: {party.answers}"
    for name in ("sign", "activate", "accept", "counter", "withdraw", "decline", "stand down"):
        assert answers[name, 200], f"nobody could {name}: {answers}"
    async with scratch_owner.connect() as connection:
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert await connection.scalar(text(deadlocks)) == 0
