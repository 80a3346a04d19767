"""Everybody in one crisis, and what each may do at a moment: mostly what is to be done, at times what is not."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import SessionFactory, transaction
from app.core.jobs import Entrypoint
from app.core.settings import Settings
from app.core.tenancy import EVERYBODY, acting_for
from app.worker import SWEEPS
from tests.app.crisis.conftest import iso
from tests.support.jobs import perform
from tests.support.large_crisis import BATCH, SLOT, TARGET_BY, LargeCrisis

BUSY = 503
TRIES = 8
MOST_ANSWERS = 20
SWEPT = (
    "expired_crises",
    "expired_restorations",
    "unanswered_orders",
    "unanswered_places",
    "ended_campaigns",
    "stale_holds",
    "overdue_approvals",
)
LATER_BY = (120, 150, 190)
"""Days by which more is asked for when it is planned anew."""

LOOK = {
    "plans": """SELECT id, plan_hash, status FROM crisis_plans
        WHERE crisis_id = :id AND status IN ('proposed', 'signed')""",
    "orders": "SELECT id, status, unit_id FROM crisis_orders WHERE crisis_id = :id",
    "places": """SELECT d.id, b.organisation_id AS owner, d.replacement_id, d.status FROM displacements d
        JOIN bookings b ON b.id = d.booking_id
        WHERE d.crisis_id = :id AND d.answer IS NULL AND d.replacement_id IS NOT NULL AND d.status <> 'dropped'""",
    "offers": """SELECT id, organisation_id AS owner, status FROM restorations
        WHERE crisis_id = :id AND ended_at IS NULL""",
    "runs": "SELECT id FROM runs WHERE crisis_id = :id AND state IN ('queued', 'running')",
}
LOTS = """SELECT id, organisation_id AS owner, status, source, product_id FROM bookings
    WHERE slot_id = ANY(:slots) AND status IN ('held', 'awaiting_cdmo', 'confirmed') AND source <> 'crisis'"""
PASSES = {
    "places": """UPDATE displacements SET answer_by_at = now(), reminded_at = now() - interval '3 days'
        WHERE crisis_id = :id AND answer IS NULL AND answer_by_at IS NOT NULL""",
    "offers": "UPDATE restorations SET respond_by_at = now() WHERE crisis_id = :id AND status = 'offered'",
    "orders": """UPDATE crisis_orders SET respond_by_at = now()
        WHERE crisis_id = :id AND status = 'issued' AND escalated_at IS NULL""",
    "crisis": "UPDATE crises SET validity = '[2025-01-01,2025-06-01)' WHERE id = :id AND status = 'active'",
}
"""What becomes due when time passes."""

Act = Callable[[], Awaitable[Any]]
Headers = Mapping[str, str]


@dataclass
class Seen:
    """How things stand at a moment; rows are as the database has them."""

    status: str
    plans: Sequence[Any]
    orders: Sequence[Any]
    places: Sequence[Any]
    offers: Sequence[Any]
    runs: Sequence[Any]
    lots: Sequence[Any]

    @property
    def has_ended(self) -> bool:
        """Whether nothing of the crisis is open any more."""
        return self.status in {"stood_down", "expired"} and not self.offers and not self.runs


@dataclass
class Party:
    """Everybody in one crisis, and what they were answered."""

    client: httpx.AsyncClient
    crisis: LargeCrisis
    second_key: Headers
    """The coordinator's own, in the authority's role."""
    owner: AsyncEngine
    workers: SessionFactory
    settings: Settings
    chance: random.Random
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def act_at_once(self) -> Seen:
        """Let everybody act at one moment, each by how things stood before it, and return how they stood."""
        seen = await self.look()
        acts = [
            act for of in (self._leaders, self._maker, self._owners, self._buyers, self._workers) for act in of(seen)
        ]
        self.chance.shuffle(acts)
        await asyncio.gather(*(act() for act in acts))
        return seen

    async def end(self) -> None:
        """Stand down, and answer and sweep until nothing is open."""
        await self._send("stand down", self._path("/stand-down"), self.crisis.coordinator)
        for _ in range(MOST_ANSWERS):
            seen = await self.look()
            overdue = partial(self._sweep, "expired_restorations")
            acts: list[Act] = [*self._answers_to_offers(seen, 1.0), *self._solves(seen, 1.0), overdue]
            await asyncio.gather(*(act() for act in acts))
            if seen.has_ended:
                return
        raise AssertionError(f"this never ends: {seen}")

    async def look(self) -> Seen:
        """Return how things stand."""
        known = {"id": UUID(self.crisis.crisis_id)}
        async with self.owner.connect() as connection:
            rows = {name: (await connection.execute(text(query), known)).all() for name, query in LOOK.items()}
            slots = {"slots": [slot.id for slot in self.crisis.slots]}
            lots = (await connection.execute(text(LOTS), slots)).all()
            status = await connection.scalar(text("SELECT status FROM crises WHERE id = :id"), known)
        return Seen(status=str(status), lots=lots, **rows)

    def _may(self, probability: float) -> bool:
        return self.chance.random() < probability

    def _path(self, rest: str) -> str:
        return f"/v1/crises/{self.crisis.crisis_id}{rest}"

    def _post(self, name: str, rest: str, by: Headers, body: Any = None) -> Act:
        path = rest if rest.startswith("/v1/") else self._path(rest)
        return partial(self._send, name, path, by, body)

    async def _send(self, name: str, path: str, by: Headers, body: Any = None) -> None:
        """Send a POST, again as long as the service is busy."""
        for _ in range(TRIES):
            answer = await self.client.post(path, json=body, headers=dict(by))
            if answer.status_code != BUSY:
                break
        self.answers[name, answer.status_code] += 1

    def _leaders(self, seen: Seen) -> Iterator[Act]:
        """Coordinator and authority: plan, choose, sign, activate, plan anew, renew, stand down."""
        me, authority = self.crisis.coordinator, self.crisis.authority
        if seen.status == "declared" or (seen.status == "planned" and self._may(0.1)):
            yield self._post("plan", "/plan", me, {"choices_s": self.chance.choice([0, 3])})
        proposed = [plan for plan in seen.plans if plan.status == "proposed"]
        for plan in self.chance.sample(proposed, min(2, len(proposed))):
            signature = {"plan_id": str(plan.id), "plan_hash": plan.plan_hash}
            yield self._post("sign", "/sign", me, signature)
            yield self._post("sign", "/sign", authority, signature)
            if self._may(0.1):
                yield self._post("sign again", "/sign", self.second_key, signature)
        if len(proposed) < len(seen.plans) or self._may(0.1):
            kind = "activate an amendment" if seen.status == "active" else "activate"
            yield from [self._post(kind, "/activate", me)] * self.chance.choice([1, 2])
        if seen.status == "active" and self._may(0.5):
            yield self._post("replan", "/replan", me, self._asked_anew(seen))
        if self._may(0.1):
            yield self._post("renew", "/renew", me, {"end": iso(self.chance.randint(290, 400))})
        if self._may(0.05 if seen.status == "active" else 0.01):
            yield self._post("stand down", "/stand-down", me)
        if seen.status == "active" and self._may(0.04):
            yield partial(self._pass, "crisis")

    def _asked_anew(self, seen: Seen) -> dict[str, Any]:
        """Return why it is planned anew: for what is missing, for more, or without a unit."""
        asked: dict[str, Any] = {}
        if self._may(0.6):
            ordered = self.crisis.free + self.crisis.moved
            wanted = ((TARGET_BY, ordered), (self.chance.choice(LATER_BY), ordered + self.chance.randint(0, 9)))
            asked["targets"] = [{"by": iso(by), "quantity": batches * BATCH} for by, batches in wanted]
        if seen.orders and self._may(0.2):
            asked["unavailable_unit_ids"] = [str(self.chance.choice(seen.orders).unit_id)]
        return asked

    def _maker(self, seen: Seen) -> Iterator[Act]:
        """The CDMO: answer orders, some twice, and drop out of some."""
        by = self.crisis.maker
        for order in seen.orders:
            path = f"/orders/{order.id}"
            if (order.status == "issued" and self._may(0.5)) or self._may(0.02):
                for _ in range(self.chance.choice([1, 1, 2])):
                    if self._may(0.75):
                        yield self._post("accept", f"{path}/accept", by)
                    else:
                        counter = {"earliest": iso(80), "reason_code": "staff"}
                        yield self._post("counter", f"{path}/counter", by, counter)
            if order.status == "accepted" and self._may(0.06):
                yield self._post("withdraw", f"{path}/withdraw", by, {"reason_code": "equipment"})

    def _owners(self, seen: Seen) -> Iterator[Act]:
        """Start-ups: answer about their places, try one directly, take back what was theirs, cancel."""
        for one in seen.places:
            for _ in range(self.chance.choice([0, 0, 1, 2])):
                by, verb = self.crisis.owners[one.owner], self.chance.choice(["accept", "decline", "release"])
                of_booking = f"/v1/bookings/{one.replacement_id}/release"
                path = of_booking if verb == "release" else f"/displacements/{one.id}/{verb}"
                yield self._post(f"{verb} a place", path, by)
        yield from self._answers_to_offers(seen, 0.4)
        for lot in seen.lots:
            if lot.status == "confirmed" and self._may(0.02):
                body = {"reason_code": "funding"}
                yield self._post("cancel", f"/v1/bookings/{lot.id}/cancel", self.crisis.owners[lot.owner], body)

    def _answers_to_offers(self, seen: Seen, probability: float) -> Iterator[Act]:
        for one in seen.offers:
            if one.status == "offered" and self._may(probability):
                for _ in range(self.chance.choice([1, 1, 2])):
                    verb = self.chance.choice(["accept", "accept", "decline"])
                    path = f"/restorations/{one.id}/{verb}"
                    yield self._post(f"{verb} an offer", path, self.crisis.owners[one.owner])

    def _buyers(self, seen: Seen) -> Iterator[Act]:
        """Start-ups: book in the slots in scope, and take or leave what they hold there."""
        for lot in seen.lots:
            by = self.crisis.owners[lot.owner]
            if lot.status == "confirmed" and self._may(0.05):
                start = self.chance.randrange(SLOT[1] - 40)
                slot = self.chance.choice(self.crisis.slots)
                body = {"slot_id": str(slot.id), "start": iso(start), "product_id": str(lot.product_id), "batches": 1}
                yield self._post("book", "/v1/bookings", by, body)
            if lot.status == "held" and lot.source != "replacement" and self._may(0.5):
                verb = self.chance.choice(["confirm", "release"])
                yield self._post(verb, f"/v1/bookings/{lot.id}/{verb}", by)

    def _workers(self, seen: Seen) -> Iterator[Act]:
        """Two workers: solve, and sweep what is due; and time passes."""
        yield from self._solves(seen, 0.8)
        for name in self.chance.sample(SWEPT, 3):
            yield partial(self._sweep, name)
        for name in ("places", "offers", "orders"):
            if self._may(0.1):
                yield partial(self._pass, name)

    def _solves(self, seen: Seen, probability: float) -> Iterator[Act]:
        for run in seen.runs:
            if self._may(probability):
                yield from [partial(self._solve, run.id)] * self.chance.choice([1, 1, 1, 2])

    async def _solve(self, run_id: UUID) -> None:
        with acting_for(EVERYBODY), suppress(NoResultFound):  # another worker may have ended it just now
            await perform(self.workers, Entrypoint.SOLVE, run_id, self.settings)

    async def _sweep(self, name: str) -> None:
        with acting_for(EVERYBODY):
            async with transaction(self.workers) as session:
                done = await SWEEPS[name](session)
        self.answers[name, min(done, 1)] += 1

    async def _pass(self, name: str) -> None:
        async with self.owner.begin() as connection:
            await connection.execute(text(PASSES[name]), {"id": UUID(self.crisis.crisis_id)})
