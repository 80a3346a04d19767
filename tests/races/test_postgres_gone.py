"""PostgreSQL is killed under load, stays away, and comes back: 503 meanwhile, then all goes on without a restart."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from uuid import uuid4

import httpx
import pytest

from tests.races.outage import CLIENTS, Market, Service, service
from tests.support.client import Client

__all__ = ["service"]

pytestmark = [pytest.mark.races, pytest.mark.timeout(600)]

GONE_S = 10.0 if os.environ.get("CRENEAU_PROVE") else 2.0
LOAD_S = 1.5
LONGEST_S = 8.0
"""No answer may take longer, away or not; a connection is given up after 5 s."""


@dataclass
class Answer:
    """One answer, and when its request was sent."""

    sent_at: float
    seconds: float
    response: httpx.Response


class Load(threading.Thread):
    """Clients that search, hold and let go, each again and again, until told to stop."""

    def __init__(self, url: str, market: Market) -> None:
        super().__init__()
        self._url, self._market = url, market
        self._stop_wanted = threading.Event()
        self.answers: list[Answer] = []
        self.broken: list[Exception] = []

    def run(self) -> None:
        asyncio.run(self._all())

    def stop(self) -> None:
        self._stop_wanted.set()
        self.join()

    def held(self) -> set[str]:
        """The bookings that were acknowledged."""
        return {one.response.json()["id"] for one in self.answers if one.response.status_code == 201}

    def since(self, moment: float) -> list[Answer]:
        return [one for one in self.answers if one.sent_at >= moment]

    async def _all(self) -> None:
        async with Client(base_url=self._url, headers=dict(self._market.key), timeout=30, trust_env=False) as client:
            await asyncio.gather(*(self._one(client, number) for number in range(CLIENTS)))

    async def _one(self, client: httpx.AsyncClient, number: int) -> None:
        for turn in count():
            if self._stop_wanted.is_set():
                return
            try:
                await self._send(client, "GET", "/v1/slots?modality=monoclonal_antibody&limit=5")
                body = {
                    "slot_id": self._market.slots[number],
                    "start": self._market.start(turn),
                    "product_id": self._market.product,
                    "batches": 1,
                }
                answer = await self._send_until_done(client, "/v1/bookings", body)
                if answer.status_code == httpx.codes.CREATED:
                    await self._send_until_done(client, f"/v1/bookings/{answer.json()['id']}/release")
            except httpx.TransportError as error:
                self.broken.append(error)

    async def _send_until_done(
        self, client: httpx.AsyncClient, path: str, body: Mapping[str, object] | None = None
    ) -> httpx.Response:
        """Send the same request again for as long as it is answered with 503: what was held would stay in the way."""
        key = {"Idempotency-Key": str(uuid4())}
        while True:
            answer = await self._send(client, "POST", path, body, key)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or self._stop_wanted.is_set():
                return answer

    async def _send(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent_at = time.monotonic()
        response = await client.request(method, path, json=body, headers=headers)
        self.answers.append(Answer(sent_at, time.monotonic() - sent_at, response))
        return response


def test_under_load_the_answer_is_503_while_it_is_away_and_right_again_after(service: Service) -> None:
    load = Load(service.api.url, service.market)
    load.start()
    try:
        time.sleep(LOAD_S)
        gone_at = service.kill_postgres()
        time.sleep(GONE_S)
        back_at = service.start_postgres()
        time.sleep(LOAD_S)
    finally:
        load.stop()

    assert load.broken == []
    statuses = Counter(one.response.status_code for one in load.answers)
    assert statuses.keys() <= {200, 201, 409, 503}, statuses
    assert max(one.seconds for one in load.answers) < LONGEST_S
    refused = [one.response for one in load.answers if one.response.status_code == 503]
    assert {one.headers["content-type"] for one in refused} == {"application/problem+json"}
    assert all(int(one.headers["retry-after"]) >= 1 for one in refused)
    away = [one for one in load.since(gone_at) if one.sent_at + one.seconds < gone_at + GONE_S]
    assert len(away) >= CLIENTS
    assert {one.response.status_code for one in away} == {503}
    after = Counter(one.response.status_code for one in load.since(back_at))
    assert after.keys() <= {200, 201, 409}, f"after the return: {after}"
    assert after[201] >= 1
    assert load.held() <= service.bookings().keys(), "acknowledged, and lost"
    assert service.api.process.poll() is None


def test_nobody_notices_when_it_was_away_while_nobody_asked(service: Service) -> None:
    with httpx.Client(
        base_url=service.api.url, headers=dict(service.market.key), trust_env=False, timeout=30
    ) as client:
        load = Load(service.api.url, service.market)
        load.start()  # so that there are connections that can grow stale
        time.sleep(LOAD_S / 3)
        load.stop()
        for _ in range(2):
            service.kill_postgres()
            service.start_postgres()
            assert [client.get("/v1/bookings").status_code for _ in range(CLIENTS * 2)] == [200] * CLIENTS * 2
