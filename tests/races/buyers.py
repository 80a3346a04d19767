"""Buyers who hold and let go, each asking again under the same key until it knows what became of its request."""

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

import httpx

from tests.races.outage import CLIENTS, Service
from tests.support.world import day

UNDECIDED = frozenset({503})
RESTS_S = 0.1


@dataclass
class Told:
    """What a client was told in the end about a hold: under which key, how often it asked, and the booking if any."""

    key: str
    times: int
    status: int
    booking: str | None


@dataclass(eq=False)
class Buyers(threading.Thread):
    """Clients that hold, each asking again under the same key until it knows."""

    service: Service
    stop_wanted: threading.Event = field(default_factory=threading.Event)
    told: list[Told] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__()

    def run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        market = self.service.market
        async with httpx.AsyncClient(
            base_url=self.service.api.url, headers=dict(market.key), timeout=30, trust_env=False
        ) as client:
            await asyncio.gather(*(self._one(client, number) for number in range(CLIENTS)))

    async def _one(self, client: httpx.AsyncClient, number: int) -> None:
        market = self.service.market
        for turn in count():
            if self.stop_wanted.is_set():
                return
            body = {
                "slot_id": market.slots[number],
                "start": str(day(turn % 70)),
                "product_id": market.product,
                "batches": 1,
            }
            told = await self._until_told(client, body)
            self.told.append(told)
            if told.booking is not None:
                await self._let_go(client, told.booking)

    async def _until_told(self, client: httpx.AsyncClient, body: dict[str, object]) -> Told:
        key = uuid4().hex
        for times in count(1):
            answer = await self._post(client, "/v1/bookings", body, {"Idempotency-Key": key})
            in_flight = answer.status_code == 409 and answer.json()["type"].endswith("idempotency-key-in-flight")
            if answer.status_code not in UNDECIDED and not in_flight:
                made = answer.status_code == httpx.codes.CREATED
                return Told(key, times, answer.status_code, answer.json()["id"] if made else None)
            await asyncio.sleep(RESTS_S)
        raise AssertionError("unreachable")

    async def _let_go(self, client: httpx.AsyncClient, booking: str) -> None:
        key = uuid4().hex
        while True:
            headers = {"Idempotency-Key": key, "If-Match": "*"}
            answer = await self._post(client, f"/v1/bookings/{booking}/release", None, headers)
            if answer.status_code not in UNDECIDED:
                return
            await asyncio.sleep(RESTS_S)

    async def _post(
        self, client: httpx.AsyncClient, path: str, body: object, headers: dict[str, str]
    ) -> httpx.Response:
        answer = await client.post(path, json=body, headers=headers)
        self.statuses[answer.status_code] += 1
        return answer
