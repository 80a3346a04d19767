"""Buyers who hold, and let go or confirm and cancel, each asking again under one key until it knows what became of it.

Each has a slot to itself, so that a correct service refuses it nothing.
"""

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import NamedTuple
from uuid import uuid4

import httpx

from tests.races.outage import CLIENTS, Service

UNDECIDED = frozenset({503})
RESTS_S = 0.1


class Seen(NamedTuple):
    """A booking as an answer told it."""

    id: str
    status: str
    start: date
    price_cents: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was told in the end about an act: how often it asked, and the booking, or why there is none."""

    verb: str
    times: int
    status: int
    booking: Seen | None
    problem: str | None = None


@dataclass(eq=False)
class Buyers(threading.Thread):
    """Clients that act on bookings, each asking again under the same key until it knows.

    Attributes
    ----------
    confirms_every
        Of how many holds a client confirms one, and cancels it then; it lets go of the others.
    told
        Acts in the order in which they were decided.
    done
        How many acts of each client were acknowledged.
    resting
        The clients that have no request under way, and begin none while they are to rest.
    broken
        What ended them all before their time, such as an answer that did not come.
    """

    service: Service
    confirms_every: int = 2
    stop_wanted: threading.Event = field(default_factory=threading.Event)
    rest_wanted: threading.Event = field(default_factory=threading.Event)
    told: list[Told] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    done: Counter[int] = field(default_factory=Counter)
    resting: set[int] = field(default_factory=set)
    broken: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def run(self) -> None:
        try:
            asyncio.run(self._all())
        except Exception as error:  # noqa: BLE001 - whoever started the thread has to see it
            self.broken = error

    def end(self) -> None:
        """Let each client finish what it is at, and return when all have."""
        self.stop_wanted.set()
        self.join()

    async def _all(self) -> None:
        market = self.service.market
        async with httpx.AsyncClient(
            base_url=self.service.api.url, headers=dict(market.key), timeout=30, trust_env=False
        ) as client:
            await asyncio.gather(*(self._one(client, number) for number in range(CLIENTS)))

    async def _one(self, client: httpx.AsyncClient, number: int) -> None:
        for turn in count():
            await self._rest(number)
            if self.stop_wanted.is_set():
                return
            await self._book(client, number, turn)

    async def _rest(self, number: int) -> None:
        while self.rest_wanted.is_set() and not self.stop_wanted.is_set():
            self.resting.add(number)
            await asyncio.sleep(RESTS_S)
        self.resting.discard(number)

    async def _book(self, client: httpx.AsyncClient, number: int, turn: int) -> None:
        market = self.service.market
        place = {"slot_id": market.slots[number], "start": market.start(turn)}
        held = await self._do(client, number, "hold", "", {**place, "product_id": market.product, "batches": 1})
        if held is None:
            return
        if turn % self.confirms_every:
            await self._do(client, number, "release", f"/{held.id}/release")
            return
        confirmed = await self._do(client, number, "confirm", f"/{held.id}/confirm")
        if confirmed is not None and not self.stop_wanted.is_set():
            await self._do(client, number, "cancel", f"/{held.id}/cancel", {"reason_code": "funding"})

    async def _do(
        self, client: httpx.AsyncClient, number: int, verb: str, path: str, body: object = None
    ) -> Seen | None:
        told = await self._until_told(client, verb, f"/v1/bookings{path}", body)
        self.told.append(told)
        self.done[number] += told.booking is not None
        return told.booking

    async def _until_told(self, client: httpx.AsyncClient, verb: str, path: str, body: object) -> Told:
        headers = {"Idempotency-Key": uuid4().hex} | ({} if verb == "hold" else {"If-Match": "*"})
        for times in count(1):
            answer = await client.post(path, json=body, headers=headers)
            self.statuses[answer.status_code] += 1
            read = answer.json()
            problem = None if answer.is_success else str(read["type"])
            if problem is None:
                seen = Seen(read["id"], read["status"], date.fromisoformat(read["start"]), read["price_cents"])
                return Told(verb, times, answer.status_code, seen)
            in_flight = problem.endswith("idempotency-key-in-flight")
            if answer.status_code not in UNDECIDED and not in_flight:
                return Told(verb, times, answer.status_code, None, problem)
            await asyncio.sleep(RESTS_S)
        raise AssertionError("unreachable")
