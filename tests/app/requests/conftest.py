"""A start-up that waits for slots to be told of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.capacity.models import Slot
from app.catalogue.models import Unit
from app.core.database import at_one_moment, transaction
from app.identity.models import Organisation
from app.requests.models import Request
from app.worker import OF_ONE_MOMENT, SWEEPS
from tests.support.world import World, day

Headers = Mapping[str, str]


@dataclass
class Waiting:
    """A start-up that waits, and a CDMO with a unit that it can use: 43 days a batch."""

    client: httpx.AsyncClient
    world: World
    startup: Organisation
    buyer: Headers
    seller: Headers
    unit: Unit
    request: Request

    async def wait(self, *, expect: int = 201, headers: Headers | None = None, **body: Any) -> Any:
        """Add an alert, for the request unless the body says otherwise."""
        body = body or {"request_id": str(self.request.id)}
        answer = await self.client.post("/v1/alerts", json=body, headers=headers or self.buyer)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def publish(self, start: int = 0, end: int = 120, **given: Any) -> Any:
        body = {"unit_id": str(self.unit.id), "start": str(day(start)), "end": str(day(end)), **given}
        answer = await self.client.post("/v1/slots", json=body, headers=self.seller)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def change(self, slot: Any, **body: Any) -> None:
        answer = await self.client.patch(f"/v1/slots/{slot['id']}", json=body, headers=self.seller)
        assert answer.status_code == 200, answer.text

    async def row(self, slot: Any) -> Slot:
        async with transaction(self.world.sessions) as session:
            return await session.get_one(Slot, slot["id"])

    async def sweep(self) -> int:
        """Do what a worker does every few seconds, and return how many hits there are."""
        async with transaction(self.world.sessions) as session:
            if "alerts" in OF_ONE_MOMENT:
                await at_one_moment(session)
            done = await SWEEPS["alerts"](session)
            assert await session.scalar(text("SHOW transaction_isolation")) == "repeatable read"
        assert isinstance(done, int)
        return done

    async def hits(self, alert: Any, headers: Headers | None = None) -> list[tuple[str, str, bool]]:
        """What an alert was told of: slot, cause, and whether it is available."""
        items = (await self.client.get(f"/v1/alerts/{alert['id']}/hits", headers=headers or self.buyer)).json()["items"]
        return [(one["slot_id"], one["cause"], one["available"]) for one in items]


@pytest.fixture
async def waiting(client: httpx.AsyncClient, world: World) -> Waiting:
    cdmo, seller = await world.cdmo()
    startup, buyer = await world.startup()
    request = await world.request(await world.product(startup))
    return Waiting(client, world, startup, buyer, seller, await world.unit(cdmo), request)
