"""A market of one start-up, one CDMO and one slot, and the steps of a booking over HTTP."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import col

from app.capacity.models import Approval, Slot
from app.catalogue.models import Unit
from app.core.clock import today
from app.core.database import transaction
from app.core.model import period
from app.identity.models import Organisation
from app.requests.models import Product, Request
from tests.support.world import World, day

Headers = Mapping[str, str]
FEE = 15_000_000
PRICE = 100_000_000


class _Failed(Mapping[str, Any]):
    """What a CDMO says of a batch that has failed today: on the day on which it is said."""

    def __getitem__(self, name: str) -> Any:
        return {"reason_code": "contamination", "failed_on": str(today())}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("reason_code", "failed_on"))

    def __len__(self) -> int:
        return 2


FAILED = _Failed()


@dataclass
class Market:
    """A start-up with an antibody, and a CDMO with a standard line: 40 days a batch and 3 to change, 1,000,000 EUR."""

    world: World
    client: httpx.AsyncClient
    startup: Organisation
    buyer: Headers
    cdmo: Organisation
    seller: Headers
    unit: Unit
    slot: Slot
    product: Product
    request: Request

    async def hold(self, start: int | str = 10, *, expect: int = 201, **body: Any) -> dict[str, Any]:
        """Hold the slot from so many days after day one, for the request unless the body says otherwise."""
        body = {"slot_id": str(self.slot.id), "start": str(day(start)) if isinstance(start, int) else start, **body}
        if "product_id" not in body:
            body = {"request_id": str(self.request.id), **body}
        return await self.send("/v1/bookings", body, headers=self.buyer, expect=expect)

    async def step(
        self, booking: Mapping[str, Any], verb: str, *, by: Headers, expect: int = 200, **body: Any
    ) -> dict[str, Any]:
        """Take a booking one step on."""
        return await self.send(f"/v1/bookings/{booking['id']}/{verb}", body or None, headers=by, expect=expect)

    async def send(self, path: str, body: object, *, headers: Headers, expect: int) -> dict[str, Any]:
        """Post, and check the status of the answer."""
        answer = await self.client.post(path, json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        read: dict[str, Any] = answer.json()
        return read

    async def read(self, path: str, headers: Headers, expect: int = 200) -> dict[str, Any]:
        """Get, and check the status of the answer."""
        answer = await self.client.get(path, headers=headers)
        assert answer.status_code == expect, answer.text
        read: dict[str, Any] = answer.json()
        return read

    async def charges(self, headers: Headers | None = None) -> list[tuple[str, int]]:
        """The ledger as one side sees it: kinds and amounts, in order."""
        page = await self.read("/v1/charges", headers or self.buyer)
        return [(line["kind"], line["amount_cents"]) for line in page["items"]]

    async def confirmed(self, start: int | str = 10, **body: Any) -> dict[str, Any]:
        """Hold and confirm, in a slot that is confirmed at once."""
        return await self.step(await self.hold(start, **body), "confirm", by=self.buyer)

    async def move(
        self, booking: Mapping[str, Any], start: int | str, *, by: Headers | None = None, expect: int = 200, **body: Any
    ) -> dict[str, Any]:
        """Ask to move a booking to so many days from day one."""
        on = str(day(start)) if isinstance(start, int) else start
        body = {"start": on, "reason_code": "funding", **body}
        return await self.step(booking, "move", by=by or self.buyer, expect=expect, **body)

    async def by_approval(self, slot: Slot | None = None) -> None:
        """Have the CDMO approve what is booked in a slot, or in any."""
        statement = update(Slot).values(approval=Approval.BY_CDMO)
        async with transaction(self.world.sessions) as session:
            await session.execute(statement if slot is None else statement.where(col(Slot.id) == slot.id))

    async def begin(self, booking: Mapping[str, Any], on: date | None = None) -> dict[str, Any]:
        """Start the production of a booking."""
        return await self.step(booking, "start", by=self.seller, actual_start_on=str(on or today()))

    async def slot_in(self, days: int, **given: Any) -> Slot:
        """A slot of the same unit that begins so many days from today and lasts 60."""
        start = today() + timedelta(days=days)
        whole = period(start, start + timedelta(days=60))
        return await self.world.add(Slot(unit_id=self.unit.id, period=whole, approval=Approval.INSTANT, **given))


def place(booking: Mapping[str, Any]) -> tuple[Any, ...]:
    """Where a booking is, as it is shown: slot, first day, and the day after its last."""
    return booking["slot_id"], booking["start"], booking["end"]


@pytest.fixture
async def market(world: World, client: httpx.AsyncClient) -> Market:
    """A market whose slot is confirmed at once."""
    startup, buyer = await world.startup()
    cdmo, seller = await world.cdmo()
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, approval=Approval.INSTANT)
    product = await world.product(startup)
    request = await world.request(product)
    return Market(world, client, startup, buyer, cdmo, seller, unit, slot, product, request)


async def owed(market: Market) -> int:
    return sum(amount for _, amount in await market.charges())


async def request_status(market: Market, booking: dict[str, Any]) -> str:
    return str((await market.read(f"/v1/requests/{booking['request_id']}", market.buyer))["status"])
