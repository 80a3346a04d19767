"""A slot that is taken, those who wait for it, and the waiting list with a plan that needs no solver."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.models import Run
from app.allocation.offers import expire_offers
from app.allocation.runs import Success, claim_run, end_run
from app.allocation.waiting import ask_again, ask_waiting_list
from app.capacity.models import Approval, Slot
from app.catalogue.models import Unit
from app.core.database import SessionFactory, transaction
from app.requests.models import Product, Request
from app.worker import FOLLOW_UPS
from tests.app.allocation.problems import greedy_solution
from tests.support.world import World, day

Headers = Mapping[str, str]
PATIENCE_SECONDS = 60


@dataclass
class Room:
    """Start-ups by name, each with one request; a campaign of one batch takes 43 days and delivers 82 after its start.

    Points: one each, one more for a French start-up, and those of the phase.
    """

    client: httpx.AsyncClient
    world: World
    owner: AsyncEngine
    sessions: SessionFactory
    unit: Unit
    slot: Slot
    seller: Headers
    coordinator: Headers
    headers: dict[str, Headers] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)

    @classmethod
    async def of(
        cls,
        client: httpx.AsyncClient,
        world: World,
        owner: AsyncEngine,
        sessions: SessionFactory,
        *,
        days: int = 43,
        **line: Any,
    ) -> "Room":
        """Store a slot of the start-up reserve on a standard line, confirmed at once."""
        cdmo, seller = await world.cdmo()
        unit = await world.unit(cdmo, **line)
        slot = await world.slot(unit, 0, days, reserve="startup", approval=Approval.INSTANT)
        return cls(client, world, owner, sessions, unit, slot, seller, await world.coordinator())

    async def ask(self, name: str, **given: Any) -> str:
        """Store a start-up with a submitted request."""
        startup, self.headers[name] = await self.world.startup()
        self.products[name] = await self.world.product(startup)
        self.requests[name] = await self.world.request(self.products[name], **given)
        return self.id_of(name)

    async def wait(self, *names: str, **given: Any) -> None:
        """Put start-ups on the waiting list, one after the other."""
        for name in names:
            request_id = await self.ask(name, **given) if name not in self.requests else self.id_of(name)
            await self.post(name, f"/v1/requests/{request_id}/wait")

    async def elsewhere(self) -> Slot:
        """Store another such slot, at another CDMO."""
        cdmo, _ = await self.world.cdmo()
        return await self.world.slot(await self.world.unit(cdmo), 0, 43, reserve="startup", approval=Approval.INSTANT)

    async def hold(self, name: str, start: int = 0, *, slot: Slot | None = None) -> str:
        """Hold a place directly: of the slot, or of another."""
        if name not in self.requests:
            await self.ask(name)
        slot_id = (slot or self.slot).id
        body = {"slot_id": str(slot_id), "start": str(day(start)), "request_id": self.id_of(name)}
        return str((await self.post(name, "/v1/bookings", body, expect=201))["id"])

    async def book(self, name: str, start: int = 0, *, slot: Slot | None = None) -> str:
        """Book a place directly, and confirm it."""
        made = await self.hold(name, start, slot=slot)
        await self.post(name, f"/v1/bookings/{made}/confirm")
        return made

    async def cancel(self, name: str, booking_id: str) -> None:
        """The start-up cancels its booking."""
        await self.post(name, f"/v1/bookings/{booking_id}/cancel", {"reason_code": "funding"})

    def id_of(self, name: str) -> str:
        return str(self.requests[name].id)

    def name_of(self, request_id: str) -> str:
        return next(name for name in self.requests if self.id_of(name) == request_id)

    async def post(self, name: str | Headers, path: str, body: Any = None, *, expect: int = 200) -> Any:
        headers = self.headers[name] if isinstance(name, str) else name
        answer = await self.client.post(path, json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def get(self, name: str | Headers, path: str, *, expect: int = 200) -> Any:
        headers = self.headers[name] if isinstance(name, str) else name
        answer = await self.client.get(path, headers=headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def offers(self, name: str, status: str = "offered") -> list[Any]:
        """The offers to a start-up that are in a status."""
        return list((await self.get(name, f"/v1/offers?status={status}"))["items"])

    async def answer(self, name: str, verb: str, *, expect: int = 200) -> Any:
        """Answer the one live offer of a start-up."""
        [offer] = await self.offers(name)
        return await self.post(name, f"/v1/offers/{offer['id']}/{verb}", expect=expect)

    async def own(self, name: str) -> Any:
        """What a start-up reads of its request on the waiting list."""
        return await self.get(name, f"/v1/requests/{self.id_of(name)}/waiting")

    async def status(self, name: str) -> str:
        return str((await self.get(name, f"/v1/requests/{self.id_of(name)}"))["status"])

    async def decisions(self) -> list[Any]:
        return list((await self.get(self.coordinator, "/v1/waiting-list"))["items"])

    async def told(self) -> list[dict[str, str | None]]:
        """What each decision meant for each who waited: null where it was offered, else the reason."""
        return [
            {self.name_of(line["request_id"]): line["reason_code"] for line in decision["lines"]}
            for decision in await self.decisions()
        ]

    async def taken_up(self, unit_id: UUID | None = None) -> Run | None:
        """Do what the job does with the freed days of the unit."""
        async with transaction(self.sessions) as session:
            return await ask_waiting_list(session, unit_id or self.unit.id)

    async def solved(self, run: Run) -> None:
        """Do what the worker does with a run, with the plan of the simplest rule, which is the best one here."""
        async with transaction(self.sessions) as session:
            claimed = await claim_run(session, run.id, FOLLOW_UPS)
        assert claimed is not None
        await self.ended(claimed)

    async def ended(self, claimed: Run) -> Run | None:
        """Write the end of an attempt at a run, and what follows from it."""
        success = Success(greedy_solution(claimed.problem), {})
        async with transaction(self.sessions) as session:
            return await end_run(session, claimed.id, claimed.attempt, success, FOLLOW_UPS)

    async def decided(self, unit_id: UUID | None = None) -> bool:
        """Take up the freed days, and decide; tell whether there was anything to solve."""
        run = await self.taken_up(unit_id)
        if run is not None:
            await self.solved(run)
        return run is not None

    async def asked_again(self) -> int:
        """Do what the sweep does."""
        async with transaction(self.sessions) as session:
            return await ask_again(session)

    async def offers_run_out(self) -> None:
        """Let every offer run out: the sweep of offers ends what is held for it, whenever that would end."""
        await self.sql("UPDATE offers SET expires_at = now() - interval '1 minute' WHERE status = 'offered'")

    async def run_out(self) -> None:
        """Let every offer, and what is held for it, run out."""
        await self.offers_run_out()
        await self.sql("UPDATE bookings SET hold_expires_at = now() - interval '1 minute' WHERE status = 'held'")

    async def expired(self) -> int:
        """Do what the sweep of offers does."""
        async with transaction(self.sessions) as session:
            return await expire_offers(session)

    async def sql(self, statement: str, **parameters: Any) -> None:
        async with self.owner.begin() as connection:
            await connection.execute(text(statement), parameters)

    async def scalar(self, query: str, **parameters: Any) -> Any:
        async with self.owner.connect() as connection:
            return await connection.scalar(text(query), parameters)

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for what a worker does."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not (found := await condition()):  # noqa: ASYNC110 - it is another process's word
                    await asyncio.sleep(0.2)
                return found
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}") from None

    async def offered(self, name: str) -> Any:
        """Wait until a start-up has an offer, and return it."""
        [offer] = await self.until(lambda: self.offers(name), f"an offer to {name}")
        return offer


def days_of(offer: Mapping[str, Any]) -> tuple[date, date]:
    """The period of an offer."""
    return date.fromisoformat(offer["start"]), date.fromisoformat(offer["end"])
