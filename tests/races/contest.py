"""Forty clients over forty connections for the same four periods, round after round, and what went wrong in it."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.capacity.models import Slot
from app.core.database import transaction
from app.identity.keys import new_key
from app.identity.models import ApiKey, Organisation, OrganisationKind, Role
from app.requests.models import Product
from tests.support.client import Client as HttpClient
from tests.support.world import World, day

CLIENTS = 40
PERIODS = 4
PER_PERIOD = CLIENTS // PERIODS

OVERLAPS = text("""
    SELECT count(*) FROM bookings a JOIN bookings b
        ON a.unit_id = b.unit_id AND a.id < b.id AND a.period && b.period
    WHERE a.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
        AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
""")
CONNECTIONS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'creneau-api'"
)
AGE_ALL_HOLDS = text("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE status = 'held'")


class Client(NamedTuple):
    """A start-up with a key and a product."""

    headers: Mapping[str, str]
    product: Product


async def make_client(session: AsyncSession, number: int) -> Client:
    """Add a start-up with a key and a product."""
    startup = Organisation(kind=OrganisationKind.STARTUP, name=f"Racer {number}")
    session.add(startup)
    await session.flush()
    key = new_key()
    product = Product(organisation_id=startup.id, code_name="X", modality="monoclonal_antibody", platform="CHO")
    session.add_all(
        [
            product,
            ApiKey(
                organisation_id=startup.id,
                role=Role.STARTUP_MEMBER,
                name="race",
                prefix=key.prefix,
                secret_sha256=key.sha256,
            ),
        ]
    )
    return Client({"Authorization": f"Bearer {key.plain}"}, product)


@dataclass
class Outcome:
    """What became of the attempts of a contest.

    Attributes
    ----------
    statuses
        How often each status was answered to a hold.
    winners
        Holds won in each period of each round.
    refusals
        Problem types of those that were refused, with how often.
    overlaps
        Pairs of live bookings that share a day of a unit, summed over the ends of all rounds.
    connections
        Connections of the application to the database at the end.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    winners: Counter[tuple[int, int]] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    overlaps: int = 0
    rounds: int = 0
    connections: int = 0

    def faults(self) -> Iterator[str]:
        """Yield what a correct service never lets happen."""
        if self.overlaps:
            yield f"{self.overlaps} overlaps in the database"
        for status in self.statuses.keys() - {201, 409}:
            yield f"{self.statuses[status]} answers {status}"
        if self.refusals.keys() - {"urn:creneau:problem:slot-taken"}:
            yield f"losers were refused for other reasons: {dict(self.refusals)}"
        wrong = [one for round_ in range(self.rounds) for one in self._not_won_once(round_)]
        if wrong:
            yield f"{len(wrong)} periods were not won exactly once"

    def _not_won_once(self, round_: int) -> list[tuple[int, int]]:
        return [(round_, place) for place in range(PERIODS) if self.winners[round_, place] != 1]


@dataclass
class Contest:
    """Two units, two groups of mutually overlapping periods on each, ten clients to a group."""

    app: FastAPI
    owner: AsyncEngine
    slots: list[Slot]
    clients: list[Client]

    @classmethod
    async def on(cls, app: FastAPI, owner: AsyncEngine, world: World) -> "Contest":
        """Prepare a contest on an application and its database."""
        cdmo, _ = await world.cdmo()
        slots = [await world.slot(await world.unit(cdmo)) for _ in range(PERIODS // 2)]
        async with transaction(world.sessions) as session:
            clients = [await make_client(session, number) for number in range(CLIENTS)]
        return cls(app, owner, slots, clients)

    async def run(self, rounds: int) -> Outcome:
        """Let all clients try at once, so many times; what was won is released, or left to run out, in turn."""
        outcome = Outcome()
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with HttpClient(transport=transport, base_url="http://test", timeout=60) as http:
            for round_ in range(rounds):
                answers = await asyncio.gather(*(self._attempt(http, number) for number in range(CLIENTS)))
                self._count(outcome, round_, answers)
                await self._look(outcome)
                await self._clear(http, answers, by_release=round_ % 2 == 0)
        outcome.rounds = rounds
        return outcome

    async def _attempt(self, http: httpx.AsyncClient, number: int) -> httpx.Response:
        """Try for 43 days, shifted by the client's number: the periods of a group all overlap, those of two never."""
        place, shift = divmod(number, PER_PERIOD)
        client = self.clients[number]
        body = {
            "slot_id": str(self.slots[place % 2].id),
            "start": str(day(60 * (place // 2) + shift)),
            "product_id": str(client.product.id),
            "batches": 1,
        }
        return await http.post("/v1/bookings", json=body, headers=client.headers)

    @staticmethod
    def _count(outcome: Outcome, round_: int, answers: list[httpx.Response]) -> None:
        for number, answer in enumerate(answers):
            outcome.statuses[answer.status_code] += 1
            if answer.status_code == httpx.codes.CREATED:
                outcome.winners[round_, number // PER_PERIOD] += 1
            elif answer.status_code == httpx.codes.CONFLICT:
                outcome.refusals[answer.json()["type"]] += 1

    async def _look(self, outcome: Outcome) -> None:
        async with self.owner.connect() as connection:
            outcome.overlaps += int(await connection.scalar(OVERLAPS) or 0)
            outcome.connections = max(outcome.connections, int(await connection.scalar(CONNECTIONS) or 0))

    async def _clear(self, http: httpx.AsyncClient, answers: list[httpx.Response], *, by_release: bool) -> None:
        if not by_release:
            async with self.owner.begin() as connection:
                await connection.execute(AGE_ALL_HOLDS)
            return
        for client, answer in zip(self.clients, answers, strict=True):
            if answer.status_code == httpx.codes.CREATED:
                done = await http.post(f"/v1/bookings/{answer.json()['id']}/release", headers=client.headers)
                assert done.status_code == httpx.codes.OK, done.text
