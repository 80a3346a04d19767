"""Requests that are cut off in flight: no connection remembers for whom it was asked."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from app.capacity.models import Approval, Slot
from tests.support.world import World, day

pytestmark = pytest.mark.database

CUT_OFF = 1_000 if os.environ.get("CRENEAU_PROVE") else 100
"""How many must have been cut off after they had a connection."""

ANSWERED = CUT_OFF // 5
"""How many must have been answered in full, on each path."""

MOST = 20 * CUT_OFF
AT_ONCE = 20
LONGEST_WAIT_SECONDS = 0.1


@dataclass(frozen=True)
class Party:
    """A start-up with a row on every path, and by path what of it must be in the answer: nobody else has that."""

    headers: Mapping[str, str]
    organisation_id: UUID
    own: Mapping[str, str]

    def marks(self) -> set[str]:
        return {str(self.organisation_id), *self.own.values()}


async def party(client: httpx.AsyncClient, world: World, slot: Slot, start: int) -> Party:
    """Make a start-up that holds a place, with a request for it; both leave records."""
    startup, headers = await world.startup()
    product = await world.product(startup)
    request = await world.request(product)
    body = {"slot_id": str(slot.id), "start": str(day(start)), "request_id": str(request.id)}
    held = await client.post("/v1/bookings", json=body, headers=headers)
    assert held.status_code == 201, held.text
    own = {
        "/v1/products": product.code_name,
        "/v1/requests": str(request.id),
        "/v1/bookings": held.json()["id"],
        "/v1/audit": held.json()["id"],
    }
    return Party(headers, startup.id, own)


@pytest.mark.races
async def test_no_request_that_is_cut_off_leaves_its_organisation_to_the_next(
    client: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    """Of many requests of two organisations through one pool, each cut off at some moment or not.

    Those count as cut off that had a connection by then. Whoever was taken for the other would miss what is theirs.
    """
    slot = await world.slot(await world.unit((await world.cdmo())[0]), approval=Approval.INSTANT)
    one, other = [await party(client, world, slot, start) for start in (0, 60)]
    assert one.marks().isdisjoint(other.marks())
    begun: set[asyncio.Task[Any] | None] = set()
    cut_off, answered = 0, Counter[str]()

    async def ask(number: int, moment: random.Random) -> None:
        nonlocal cut_off
        me, stranger = (one, other) if number % 2 else (other, one)
        path = moment.choice([*me.own, "/v1/slots"])
        wait = moment.choice([None, moment.uniform(0, LONGEST_WAIT_SECONDS)])
        try:
            async with asyncio.timeout(wait):
                answer = await client.get(path, headers=me.headers)
        except TimeoutError:
            cut_off += asyncio.current_task() in begun
            return
        assert answer.status_code == 200, answer.text
        assert not [mark for mark in stranger.marks() if mark in answer.text], path
        assert me.own.get(path, "") in answer.text, path
        answered[path] += 1

    pool = app.state.engine.sync_engine.pool
    event.listen(pool, "checkout", lambda *_: begun.add(asyncio.current_task()))
    moment = random.Random(7)
    for begin in range(0, MOST, AT_ONCE):
        await asyncio.gather(*(ask(begin + number, moment) for number in range(AT_ONCE)))
        if cut_off >= CUT_OFF and all(answered[path] >= ANSWERED for path in one.own):
            break
    assert cut_off >= CUT_OFF
    assert all(answered[path] >= ANSWERED for path in one.own), answered
    for path in ("/v1/products", "/v1/bookings"):
        assert (await client.get(path)).status_code == 401
