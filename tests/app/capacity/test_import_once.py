"""A file under one key has one effect, however often it is sent; what is only tried out needs no key."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.capacity.models import Commitment, SlotStatus
from app.core.database import transaction
from tests.app.capacity.files import as_csv, send
from tests.app.capacity.rows import stored
from tests.support.world import World, day

FILE = as_csv([("start", "end"), (day(0), day(40))])
OTHER = as_csv([("start", "end"), (day(100), day(140))])
KEY = {"Idempotency-Key": "once"}


async def planner(world: World) -> Mapping[str, str]:
    """Return the headers of a planner with one unit."""
    cdmo, own = await world.cdmo()
    await world.unit(cdmo)
    return own


async def entries(world: World, what: str) -> list[Any]:
    """Return what is stored of a kind."""
    if what == "slots":
        return await stored(world)
    async with transaction(world.sessions) as session:
        return list(await session.scalars(select(Commitment)))


@pytest.mark.parametrize("what", ["slots", "commitments"])
async def test_what_is_to_be_written_needs_a_key(client: httpx.AsyncClient, world: World, what: str) -> None:
    without = {**await planner(world), "Idempotency-Key": ""}
    form: dict[str, Any] = {"files": {"file": ("a.csv", FILE)}, "data": {"dry_run": "false"}, "headers": without}
    for refused in (await send(client, FILE, without, what=what), await client.post(f"/v1/{what}/import", **form)):
        assert (refused.status_code, refused.json()["type"]) == (400, "urn:creneau:problem:idempotency-key-missing")
    assert await entries(world, what) == []
    tried = await send(client, FILE, without, what=what, dry_run=None)
    assert (tried.status_code, tried.json()["counts"]["create"]) == (200, 1)


@pytest.mark.parametrize("what", ["slots", "commitments"])
async def test_a_key_serves_for_one_file(client: httpx.AsyncClient, world: World, what: str) -> None:
    own = {**await planner(world), **KEY}
    assert (await send(client, FILE, own, what=what)).json()["written"] is True
    other = await send(client, OTHER, own, what=what)
    assert (other.status_code, other.json()["type"]) == (422, "urn:creneau:problem:idempotency-key-reused")
    assert [one.period.lower for one in await entries(world, what)] == [day(0)]


@pytest.mark.parametrize("what", ["slots", "commitments"])
async def test_a_file_sent_again_gets_the_answer_that_was_given_whatever_has_happened_since(
    client: httpx.AsyncClient, world: World, what: str
) -> None:
    own = {**await planner(world), **KEY}
    first = await send(client, FILE, own, what=what)
    url = f"/v1/{what}/{first.json()['rows'][0]['id']}"
    assert (await client.delete(url, headers=own)).status_code == 204
    again = await send(client, FILE, own, what=what)
    assert (again.status_code, again.content) == (200, first.content)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    left = [one.status for one in await stored(world)]
    assert left == ([SlotStatus.WITHDRAWN] if what == "slots" else [])
    assert len(await entries(world, what)) == len(left)


async def test_a_dry_run_does_not_use_the_key_up(client: httpx.AsyncClient, world: World) -> None:
    own = {**await planner(world), **KEY}
    for dry_run in (True, False, True):
        answer = await send(client, OTHER if dry_run else FILE, own, dry_run=dry_run)
        assert (answer.status_code, answer.json()["written"]) == (200, not dry_run)
        assert "Idempotent-Replayed" not in answer.headers


async def test_a_refused_file_leaves_its_key_free(client: httpx.AsyncClient, world: World) -> None:
    own = {**await planner(world), **KEY}
    assert (await send(client, as_csv([("start", "end"), (day(9), day(9))]), own)).status_code == 422
    assert (await send(client, FILE, own)).json()["written"] is True
    assert len(await stored(world)) == 1


async def test_a_file_sent_several_times_at_once_is_written_once(client: httpx.AsyncClient, world: World) -> None:
    own = {**await planner(world), **KEY}
    answers = await asyncio.gather(*(send(client, FILE, own) for _ in range(4)))
    assert {one.status_code for one in answers} <= {200, 409}
    assert len({one.content for one in answers if one.status_code == 200}) == 1
    assert {one.json()["type"] for one in answers if one.status_code == 409} <= {
        "urn:creneau:problem:idempotency-key-in-flight"
    }
    assert len(await stored(world)) == 1


@pytest.mark.parametrize("what", ["slots", "commitments"])
def test_the_interface_says_when_a_file_needs_a_key(composed: FastAPI, what: str) -> None:
    post = composed.openapi()["paths"][f"/v1/{what}/import"]["post"]
    [header] = [one for one in post["parameters"] if one["in"] == "header"]
    assert (header["name"], header["required"]) == ("Idempotency-Key", False)
    assert "Required where `dry_run` is false" in header["description"]
    assert [one["name"] for one in post["parameters"]].count("dry_run") == 1
