"""Money over random lives of bookings: after every step the ledger is what the terms say, to the cent."""

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.bookings.models import Booking, Charge, ChargeKind
from app.capacity.models import Approval, Slot
from app.core.clock import today
from app.core.database import transaction
from app.core.model import period
from tests.app.bookings.conftest import Headers, Market

pytestmark = pytest.mark.random

PROVE = bool(os.environ.get("CRENEAU_PROVE"))
LIVES, STEPS = (60, 60) if PROVE else (2, 24)
MOST_STEPS = 10 * STEPS
"""A life goes on beyond `STEPS` until more than half as many requests have been taken, and the CDMO owes something for
what it has cancelled: by then at the latest, or it shows little."""
STARTUPS = 2
BUSY = (409, 422)


@dataclass
class Expected:
    """What one booking is to have cost so far, by the quotes that its start-up has seen."""

    owner: Headers
    moves_cents: int = 0
    fee_cents: int | None = None
    by_cdmo: bool = False
    owed_cents: int = 0
    """By its CDMO, which cancels it."""


@dataclass
class Life:
    """Random steps on one unit with slots at three prices, followed by hand."""

    market: Market
    chance: random.Random
    owners: list[tuple[Headers, str]] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    bookings: dict[str, Expected] = field(default_factory=dict)
    taken: int = 0

    async def prepare(self) -> None:
        await self.accept(33)
        for _ in range(STARTUPS):
            startup, headers = await self.market.world.startup()
            self.owners.append((headers, str((await self.market.world.product(startup)).id)))
        first = today() + timedelta(days=20)
        for number, (price, approval) in enumerate(
            ((100_000_001, Approval.INSTANT), (77_777_777, Approval.INSTANT), (120_000_000, Approval.BY_CDMO))
        ):
            start = first + timedelta(days=120 * number)
            days = period(start, start + timedelta(days=120))
            unit_id = self.market.unit.id
            slot = Slot(unit_id=unit_id, period=days, approval=approval, price_cents=price)
            self.slots.append(await self.market.world.add(slot))

    @property
    def owed_cents(self) -> int:
        """What the CDMO is to owe by now."""
        return sum(one.owed_cents for one in self.bookings.values())

    def somewhere(self) -> dict[str, str]:
        slot = self.chance.choice(self.slots)
        assert slot.period.lower is not None
        return {
            "slot_id": str(slot.id),
            "start": str(slot.period.lower + timedelta(days=self.chance.randrange(0, 78, 7))),
        }

    async def post(self, path: str, body: object, headers: Headers) -> dict[str, Any] | None:
        """Post, and return the answer, or None if the rules refuse it."""
        answer = await self.market.client.post(path, json=body, headers=headers)
        assert answer.status_code in {200, 201, *BUSY}, answer.text
        self.taken += answer.status_code < 300
        read: dict[str, Any] = answer.json()
        return read if answer.status_code < 300 else None

    async def step(self) -> None:
        verbs = {
            self.book: 4, self.move: 3, self.cancel: 4, self.answer: 2, self.produce: 2, self.accept: 1,
        }  # fmt: skip
        [verb] = self.chance.choices(list(verbs), list(verbs.values()))
        await verb()

    async def pick(self, *statuses: str) -> Mapping[str, Any] | None:
        found = [
            one
            for status in statuses
            for one in (await self.market.read(f"/v1/bookings?status={status}&limit=200", self.market.seller))["items"]
            if one["moves_id"] is None
        ]
        return self.chance.choice(found) if found else None

    async def book(self) -> None:
        owner, product_id = self.chance.choice(self.owners)
        held = await self.post("/v1/bookings", {"product_id": product_id, **self.somewhere()}, owner)
        if held is not None:
            self.bookings[held["id"]] = Expected(owner)
            await self.post(f"/v1/bookings/{held['id']}/confirm", None, owner)

    async def move(self) -> None:
        booking = await self.pick("confirmed", "awaiting_cdmo")
        if booking is None:
            return
        expected, place = self.bookings[booking["id"]], self.somewhere()
        answer = await self.market.client.get(
            f"/v1/bookings/{booking['id']}/quote", params=place, headers=expected.owner
        )
        if answer.status_code in BUSY:
            return
        asked = answer.json()["move"]
        moved = await self.post(
            f"/v1/bookings/{booking['id']}/move", {**place, "reason_code": "supply"}, expected.owner
        )
        if moved is None:
            return
        pending = moved["pending_move_id"]
        assert asked["instant"] is (pending is None)
        done = moved if pending is None else None
        if pending is not None and self.chance.random() < 0.7:
            done = await self.post(f"/v1/bookings/{pending}/approve", None, self.market.seller)
        if done is not None:
            expected.moves_cents += asked["move_fee_cents"]
            now = await self.market.read(f"/v1/bookings/{booking['id']}", expected.owner)
            assert (now["start"], now["end"], now["price_cents"]) == (
                asked["start"], asked["end"], asked["price_cents"],
            )  # fmt: skip

    async def cancel(self) -> None:
        booking = await self.pick("confirmed", "awaiting_cdmo")
        if booking is None:
            return
        expected, by_cdmo = self.bookings[booking["id"]], self.chance.random() < 0.4
        path = f"/v1/bookings/{booking['id']}"
        quote = await self.market.read(f"{path}/quote", expected.owner)
        by = self.market.seller if by_cdmo else expected.owner
        if await self.post(f"{path}/cancel", {"reason_code": "planning"}, by):
            expected.by_cdmo = by_cdmo
            expected.fee_cents = 0 if by_cdmo else quote["cancellation_today_cents"]
            expected.owed_cents = quote["cdmo_cancellation_today_cents"] if by_cdmo else 0
            if booking["status"] == "confirmed":
                percent = quote["cdmo_cancellation_percent"]
                assert quote["cdmo_cancellation_today_cents"] == (booking["price_cents"] * percent + 50) // 100

    async def accept(self, percent: int | None = None) -> None:
        """The CDMO owes another share, of what is booked from now on."""
        body = {"cdmo_cancellation_percent": self.chance.choice([0, 7, 55, 100]) if percent is None else percent}
        path, seller = f"/v1/lines/{self.market.unit.line_id}", self.market.seller
        assert (await self.market.client.patch(path, json=body, headers=seller)).status_code == 200

    async def answer(self) -> None:
        booking = await self.pick("awaiting_cdmo")
        if booking is not None:
            verb, body = self.chance.choice([("approve", None), ("decline", {"reason_code": "planning"})])
            await self.post(f"/v1/bookings/{booking['id']}/{verb}", body, self.market.seller)

    async def produce(self) -> None:
        booking = await self.pick("confirmed")
        if booking is None or self.chance.random() < 0.5:
            return
        path, on = f"/v1/bookings/{booking['id']}", str(today())
        await self.post(f"{path}/start", {"actual_start_on": on}, self.market.seller)
        if self.chance.random() < 0.5:
            await self.post(f"{path}/complete", {"actual_end_on": on}, self.market.seller)
            return
        cause = self.chance.choice(["cdmo", "product", "unknown"])
        body = {"reason_code": "low_yield", "cause": cause, "failed_on": on}
        await self.post(f"{path}/fail", body, self.market.seller)

    async def check(self) -> None:
        """Compare the ledger with what the terms say of every booking as it is now."""
        async with transaction(self.market.world.sessions) as session:
            bookings = list(await session.scalars(select(Booking)))
            charges = list(await session.scalars(select(Charge).order_by(col(Charge.id))))
        for booking in bookings:
            of_both = [one for one in charges if one.booking_id == booking.id]
            sides = {self.market.cdmo.id, booking.organisation_id}
            assert all({one.organisation_id, one.counterparty_id} == sides for one in of_both)
            mine = [one for one in of_both if one.organisation_id == booking.organisation_id]
            owed = [one.amount_cents for one in of_both if one.organisation_id == self.market.cdmo.id]
            credit = -sum(one.amount_cents for one in mine if one.kind is ChargeKind.RESALE_CREDIT)
            total = sum(one.amount_cents for one in mine) + credit
            expected = self.bookings.get(str(booking.id))
            if expected is None:
                assert (booking.moves_id is not None, total, credit, owed) == (True, 0, 0, [])
                continue
            assert owed == ([expected.owed_cents] if expected.owed_cents else []), "what its CDMO owes"
            assert total == self.due(booking, expected), (
                booking.status,
                [(one.kind, one.amount_cents) for one in mine],
            )
            assert 0 <= credit <= (expected.fee_cents or 0), "what a canceller pays lies within [0, fee]"

    def due(self, booking: Booking, expected: Expected) -> int:
        """What a booking is to have cost, credits of a resale left out."""
        fee, price = booking.terms["reservation_fee_cents"], booking.price_cents
        failed = 0 if booking.failure_cause == "cdmo" else price + expected.moves_cents
        known: dict[str, int] = {
            "confirmed": fee + expected.moves_cents,
            "in_production": fee + expected.moves_cents,
            "completed": price + expected.moves_cents,
            "failed": failed,
            "cancelled": (expected.fee_cents or 0) + (0 if expected.by_cdmo else expected.moves_cents),
        }
        return known.get(booking.status.value, 0)


@pytest.mark.parametrize("seed", range(LIVES))
async def test_the_charges_of_any_life_are_what_its_terms_say(market: Market, seed: int) -> None:
    life = Life(market, random.Random(seed))
    await life.prepare()
    steps = 0
    while steps < STEPS or life.taken <= STEPS // 2 or life.owed_cents == 0:
        assert steps < MOST_STEPS, (
            f"only {life.taken} requests were taken, and {life.owed_cents} cents owed by the CDMO"
        )
        await life.step()
        await life.check()
        steps += 1
