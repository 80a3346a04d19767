"""What the trail tells of runs: each document by a digest of what is stored."""

import hashlib
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.allocation.conftest import Rounds, contest, planned_by_greed
from tests.support.world import World

pytestmark = pytest.mark.database

DOCUMENTS = ("problem", "references", "solution")
NOTHING = {"sha256": hashlib.sha256(b"{}").hexdigest()}


async def told(owner: AsyncEngine, table: str) -> list[Any]:
    """Return the records of a table's rows, the oldest first."""
    async with owner.connect() as connection:
        statement = text("SELECT * FROM audit_records WHERE object_type = :table ORDER BY id")
        return list(await connection.execute(statement, {"table": table}))


async def digest_of(owner: AsyncEngine, table: str, column: str) -> Any:
    """Return what a record has to say of the document of the only row, from the text that is stored."""
    async with owner.connect() as connection:
        stored = await connection.scalar(text(f'SELECT "{column}"::text FROM {table}'))  # noqa: S608
    return None if stored is None else {"sha256": hashlib.sha256(stored.encode()).hexdigest()}


async def digests_of(owner: AsyncEngine) -> dict[str, Any]:
    return {name: await digest_of(owner, "runs", name) for name in DOCUMENTS}


def documents(state: dict[str, Any]) -> dict[str, Any]:
    return {name: state[name] for name in DOCUMENTS}


async def test_each_record_of_a_run_has_the_digests_of_what_was_stored_before_and_after(
    world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    made = await contest(world)
    round_id, _ = await planned_by_greed(rounds, world)
    solved = await digests_of(owner)
    assert all(solved.values())
    requested, started, prepared, succeeded = await told(owner, "runs")
    asked, ready = dict.fromkeys(DOCUMENTS[:2], NOTHING) | {"solution": None}, solved | {"solution": None}
    assert (requested.action, requested.before, documents(requested.after)) == ("run.requested", None, asked)
    assert (started.action, documents(started.before), documents(started.after)) == ("run.started", asked, asked)
    assert (prepared.action, documents(prepared.before), documents(prepared.after)) == ("run.prepared", asked, ready)
    assert (succeeded.action, documents(succeeded.before)) == ("run.succeeded", ready)
    assert documents(succeeded.after) == solved

    out = {"action": "unplace", "request_id": str(made.requests["second"].id), "reason_code": "data_error"}
    await rounds.post(f"/v1/rounds/{round_id}/adjust", out)
    adjusted = (await told(owner, "runs"))[-1]
    changed = await digests_of(owner)
    assert changed["solution"] != solved["solution"]
    assert (adjusted.action, documents(adjusted.before)) == ("run.adjusted", solved)
    assert documents(adjusted.after) == changed
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    published = (await told(owner, "runs"))[-1]
    assert (published.action, documents(published.before), documents(published.after)) == (
        "run.published",
        changed,
        changed,
    )
