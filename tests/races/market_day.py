"""Forty clients who hold, confirm, cancel, move, and let run out on two units; and the history that they leave behind.

The history is checked against a sequential model: the audit records of each unit, in the order in which they were
written under its lock, are replayed one by one as if nobody else had been there.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings.models import LIVE, BookingStatus
from app.bookings.rules import INITIAL, TRANSITIONS
from app.capacity.models import Approval, Slot
from app.core.database import transaction
from tests.races.contest import CLIENTS, OVERLAPS, Client, make_client
from tests.support.world import World, day

UNITS = 2
SLOT_DAYS = 700
STEP_DAYS = 20
ALLOWED = frozenset({200, 201, 409, 412, 422})

LOCK_UNIT = text("SELECT pg_advisory_xact_lock(hashtextextended(:unit_id, 0))")
AGE_ONE_HOLD = text(
    "UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = :id AND status = 'held'"
)
HISTORY = text(
    "SELECT object_id, action, before, after, request_id FROM audit_records WHERE object_type = 'bookings' ORDER BY id"
)


@dataclass
class Deed:
    """What a client was answered: the verb, the request's identifier, the status, and whether its hold had run out."""

    verb: str
    request_id: str
    status: int
    late: bool


@dataclass
class MarketDay:
    """Two units with a long slot each, where every confirmation counts at once, and forty start-ups unless told."""

    app: FastAPI
    owner: AsyncEngine
    slots: list[Slot]
    clients: list[Client]
    seed: int
    deeds: list[Deed] = field(default_factory=list)
    run_out: set[str] = field(default_factory=set)
    """Holds that the day itself has let run out, before anybody asked anything more of them."""

    @classmethod
    async def on(
        cls, app: FastAPI, owner: AsyncEngine, world: World, seed: int, *, clients: int = CLIENTS
    ) -> "MarketDay":
        """Prepare a day on an application and its database."""
        cdmo, _ = await world.cdmo()
        slots = [
            await world.slot(await world.unit(cdmo), end=SLOT_DAYS, approval=Approval.INSTANT) for _ in range(UNITS)
        ]
        async with transaction(world.sessions) as session:
            buyers = [await make_client(session, number) for number in range(clients)]
        return cls(app, owner, slots, buyers, seed)

    async def live(self, deeds_each: int) -> None:
        """Let every client do so many things, all at the same time."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=120) as http:
            await asyncio.gather(*(self._live(http, number, deeds_each) for number in range(len(self.clients))))

    async def _live(self, http: httpx.AsyncClient, number: int, deeds: int) -> None:
        chance = random.Random(f"{self.seed}/{number}")
        booking: dict[str, Any] | None = None
        for turn in range(deeds):
            verb = "hold" if booking is None else chance.choice(self._choices(booking))
            late = verb == "expire"
            if late and booking is not None:
                await self._let_run_out(booking)
                verb = "confirm"
            answer = await self._do(http, self.clients[number], verb, booking, chance, first=turn == 0, late=late)
            booking = self._seen(answer, booking)

    async def _let_run_out(self, hold: Mapping[str, Any]) -> None:
        async with self.owner.begin() as connection:
            # As all who write bookings do: what triggers lock is locked in one order then.
            await connection.execute(LOCK_UNIT, {"unit_id": hold["unit_id"]})
            aged = await connection.execute(AGE_ONE_HOLD, {"id": hold["id"]})
        assert aged.rowcount == 1, "a hold was not held when it was to run out"
        self.run_out.add(hold["id"])

    @staticmethod
    def _choices(booking: Mapping[str, Any]) -> list[str]:
        if booking["status"] == BookingStatus.HELD:
            return ["confirm", "confirm", "confirm", "release", "expire"]
        return ["move", "move", "cancel"]

    async def _do(
        self,
        http: httpx.AsyncClient,
        client: Client,
        verb: str,
        booking: Mapping[str, Any] | None,
        chance: random.Random,
        *,
        first: bool,
        late: bool,
    ) -> httpx.Response:
        place = {
            "slot_id": str(chance.choice(self.slots).id),
            # The first hold is everybody's for the same days: the crowd at the opening.
            "start": str(day(0 if first else STEP_DAYS * chance.randrange((SLOT_DAYS - 60) // STEP_DAYS))),
        }
        headers = {**client.headers, "Idempotency-Key": uuid4().hex, "X-Request-Id": uuid4().hex}
        if booking is None:
            body: dict[str, Any] = {**place, "product_id": str(client.product.id), "batches": 1}
            answer = await http.post("/v1/bookings", json=body, headers=headers)
        else:
            headers["If-Match"] = f'"{booking["version"]}"' if not late else "*"
            reasons = {"move": {**place, "reason_code": "clinical_schedule"}, "cancel": {"reason_code": "funding"}}
            path = f"/v1/bookings/{booking['id']}/{verb}"
            answer = await http.post(path, json=reasons.get(verb), headers=headers)
        self.deeds.append(Deed(verb, headers["X-Request-Id"], answer.status_code, late))
        return answer

    @staticmethod
    def _seen(answer: httpx.Response, booking: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return the client's live booking after an answer; after a refusal to confirm, the hold is given up."""
        if answer.status_code in {200, 201}:
            read: dict[str, Any] = answer.json()
            return read if read["status"] in {status.value for status in LIVE} else None
        return None if booking is None or booking["status"] == BookingStatus.HELD else booking

    async def faults(self) -> list[str]:
        """Return what a correct service never lets happen."""
        async with self.owner.connect() as connection:
            overlaps = int(await connection.scalar(OVERLAPS) or 0)
            history = [dict(row._mapping) for row in await connection.execute(HISTORY)]
        wrong = Counter(deed.status for deed in self.deeds if deed.status not in ALLOWED)
        found = [f"{overlaps} overlaps in the database"] if overlaps else []
        found += [f"{count} answers {status}" for status, count in wrong.items()]
        return found + list(_against_the_model(history, self.run_out)) + list(self._unkept(history))

    def _unkept(self, history: list[dict[str, Any]]) -> Iterator[str]:
        """Yield acknowledged deeds that left no record or came too late, and refused ones that left one."""
        written = {record["request_id"] for record in history}
        for deed in self.deeds:
            acknowledged = deed.status in {200, 201}
            if acknowledged and deed.request_id not in written:
                yield f"a {deed.verb} was acknowledged and is not in the history"
            if not acknowledged and deed.request_id in written:
                yield f"a {deed.verb} was refused with {deed.status} and is in the history"
            if acknowledged and deed.late:
                yield f"a {deed.verb} of a hold that had run out was acknowledged"


def _against_the_model(history: list[dict[str, Any]], run_out: Collection[str]) -> Iterator[str]:
    """Replay the history of bookings, and yield each step that the model does not allow.

    Parameters
    ----------
    run_out
        Holds that ran out before the next step of theirs.
    """
    model: dict[Any, dict[str, Any]] = {}
    for record in history:
        identifier, before, after = record["object_id"], record["before"], record["after"]
        known = model.get(identifier)
        if known is None:
            if BookingStatus(after["status"]) not in INITIAL:
                yield f"{identifier} begins as {after['status']}"
        elif before is None or before["version"] != known["version"] + _aged(known, run_out):
            yield f"an update of {identifier} was lost: it started from another version than the last one"
        elif _aged(known, run_out) and after["status"] != BookingStatus.EXPIRED:
            yield f"{identifier} had run out and became {after['status']}"
        elif before["status"] != after["status"] and (
            BookingStatus(after["status"]) not in TRANSITIONS[BookingStatus(before["status"])]
        ):
            yield f"{identifier} went from {before['status']} to {after['status']}"
        model[identifier] = after
        if after["status"] in {status.value for status in LIVE}:
            for other, state in model.items():
                if other != identifier and _collide(after, state):
                    yield f"after {record['action']}, {identifier} and {other} hold the same days"


def _aged(known: Mapping[str, Any], run_out: Collection[str]) -> int:
    """Return 1 where the day itself has let a hold run out, which raises its version and leaves no record."""
    return int(known["status"] == BookingStatus.HELD and known["id"] in run_out)


def _collide(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    live = {status.value for status in LIVE}
    if other["status"] not in live or one["unit_id"] != other["unit_id"]:
        return False
    first, second = one["period"], other["period"]
    return bool(
        date.fromisoformat(first["start"]) < date.fromisoformat(second["end"])
        and date.fromisoformat(second["start"]) < date.fromisoformat(first["end"])
    )
