"""Coordinator, authority, a CDMO and start-ups act at the same moment: in whatever order, all ends consistent.

Each round is a crisis of its own, planned and not yet signed, and lives until nothing of it is open. At each of its
moments everybody acts at once, some twice, some against the others: sign, choose another plan, activate, accept,
counter, withdraw, answer for a place, book, cancel, plan anew, activate the amendment, renew, stand down, let it
expire, take a place back; two workers solve and sweep. After each moment the calendars, the ledger and all states are
looked at.
"""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import transaction
from app.core.settings import Settings
from app.identity.keys import new_key
from app.identity.models import ApiKey, Person, Role
from app.main import create_app
from app.worker import SWEEPS
from tests.races.crisis_faults import faults
from tests.races.crisis_party import Headers, Party
from tests.support.client import Client
from tests.support.greedy_solver import take_the_place_of_the_solver
from tests.support.large_crisis import LargeCrises, LargeCrisis, large_crises

pytestmark = [pytest.mark.races, pytest.mark.timeout(3600)]

PROVE = "CRENEAU_PROVE" in os.environ
ROUNDS = 60 if PROVE else 4
MOST_ROUNDS = 5 * ROUNDS
"""A few rounds need not come to everything: there are more until somebody has succeeded with each."""
MOMENTS = 14
SIZE = {"free": 2, "moved": 3, "spare": 2}
FINE = {200, 201, 202, 404, 409, 422}
"""What may be answered: done, refused for what another has done first, or not there yet."""
OFTEN = {"sign", "activate", "accept", "replan", "activate an amendment", "stand down"}
"""What somebody succeeds with in a few rounds."""
DONE = {
    "sign",
    "activate",
    "accept",
    "counter",
    "withdraw",
    "accept a place",
    "decline a place",
    "replan",
    "activate an amendment",
    "renew",
    "stand down",
    "accept an offer",
    "decline an offer",
    "plan",
    "book",
    "cancel",
}
SWEPT = {"expired_crises", "expired_restorations", "unanswered_orders", "unanswered_places"}
"""What somebody succeeds with, and what a sweep finds due, in sixty rounds."""

Parties = Callable[[int], Awaitable[Party]]


async def second_key(crises: LargeCrises) -> Headers:
    """Store a key of the coordinator's own in the authority's role."""
    me = (await crises.crises.client.get("/v1/me", headers=crises.crises.coordinator)).json()
    key = new_key()
    async with transaction(crises.sessions) as session:
        person = await session.get_one(Person, UUID(me["person"]["id"]))
    await crises.world.add(
        ApiKey(
            organisation_id=person.organisation_id,
            person_id=person.id,
            role=Role.AUTHORITY,
            name="another",
            prefix=key.prefix,
            secret_sha256=key.sha256,
        )
    )
    return {"Authorization": f"Bearer {key.plain}"}


async def take_out_of_service(owner: AsyncEngine, crisis: LargeCrisis) -> None:
    """Have no later round plan on the calendars of this one."""
    statement = text(
        "UPDATE production_lines SET not_bookable_reason = 'of an earlier round'"
        " WHERE id IN (SELECT line_id FROM units WHERE id = ANY(:units))"
    )
    async with owner.begin() as connection:
        await connection.execute(statement, {"units": [slot.unit_id for slot in crisis.slots]})


@pytest.fixture
async def parties(
    scratch: Settings, scratch_owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Parties]:
    """Give what makes the parties of another crisis."""
    take_the_place_of_the_solver(monkeypatch)
    app = create_app(scratch)
    async with (
        large_crises(scratch) as crises,
        app.router.lifespan_context(app),
        Client(transport=httpx.ASGITransport(app), base_url="http://test", timeout=60) as client,
    ):
        again = await second_key(crises)

        async def made(seed: int) -> Party:
            crisis, _ = await crises.planned(**SIZE, choices_s=3)
            workers = app.state.sessions
            return Party(client, crisis, again, scratch_owner, workers, scratch, random.Random(seed))

        yield made


def missing_in(answers: Counter[tuple[str, int]]) -> set[str]:
    """Return what nobody has succeeded with yet, and which sweeps have found nothing due."""
    missing = {name for name in (DONE if PROVE else OFTEN) if not any(answers[name, code] for code in (200, 201, 202))}
    return missing | {name for name in (SWEPT if PROVE else ()) if not answers[name, 1]}


async def test_whatever_they_do_at_the_same_moment_all_ends_consistent(
    parties: Parties, scratch_owner: AsyncEngine
) -> None:
    answers: Counter[tuple[str, int]] = Counter()
    for number in range(MOST_ROUNDS):
        if number >= ROUNDS and not missing_in(answers):
            break
        party = await parties(number)
        for moment in range(MOMENTS):
            seen = await party.act_at_once()
            assert await faults(scratch_owner) == [], f"round {number}, moment {moment}: {party.answers}"
            if seen.has_ended:
                break
        await party.end()
        assert await faults(scratch_owner) == [], f"round {number}, at its end: {party.answers}"
        told = {status for name, status in party.answers if name not in SWEEPS}
        assert told <= FINE, f"round {number}: {party.answers}"
        answers += party.answers
        await take_out_of_service(scratch_owner, party.crisis)
    assert not missing_in(answers), answers
    async with scratch_owner.connect() as connection:
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert await connection.scalar(text(deadlocks)) == 0
