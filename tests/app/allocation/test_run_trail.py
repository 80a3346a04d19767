"""What the trail tells of runs and of what is said of their plans: each document by a digest of what is stored."""

import asyncio
import hashlib
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation import certifying, explaining
from app.allocation.engine import EngineFailed
from tests.app.allocation.conftest import PATIENCE_SECONDS, Rounds, contest, planned_by_greed
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


async def test_a_certificate_is_recorded_when_it_is_asked_for_and_when_it_is_made_or_not(
    world: World, rounds: Rounds, owner: AsyncEngine, worker: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any, **__: Any) -> Any:
        raise EngineFailed("out of memory")

    async def answered(run_id: str) -> httpx.Response:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await rounds.client.get(f"/v1/runs/{run_id}/certificate", headers=rounds.headers)
                if answer.status_code != 202:
                    return answer
                await asyncio.sleep(0.3)

    await contest(world)
    _, run = await rounds.solved()
    with monkeypatch.context() as patched:
        patched.setattr(certifying, "asked", fails)
        assert (await answered(run["id"])).status_code == 503
    monkeypatch.setattr(certifying, "TRIED_AGAIN_AFTER", certifying.TRIED_AGAIN_AFTER * 0)
    assert (await answered(run["id"])).status_code == 200
    steps = await told(owner, "run_certificates")
    assert [(one.action, one.actor, one.job, one.before is None) for one in steps] == [
        ("certificate.requested", "person", None, True),
        ("certificate.failed", "job", "certify", False),
        ("certificate.requested", "person", None, False),
        ("certificate.made", "job", "certify", False),
    ]
    assert [one.after["error"] for one in steps] == [None, "out of memory", None, None]
    assert [one.after["document"] for one in steps[:3]] == [None, None, None]
    assert steps[3].after["document"] == await digest_of(owner, "run_certificates", "document")
    plan = steps[3].after["plan_sha256"]
    assert (await told(owner, "runs"))[-1].after["solution"] == {"sha256": plan}


async def test_an_explanation_is_recorded_once_by_who_asked_first(
    world: World, rounds: Rounds, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "EXPLAIN_SECONDS", 30.0)
    made = await contest(world)
    _, run = await planned_by_greed(rounds, world)
    for _ in range(2):
        await rounds.get(f"/v1/runs/{run['id']}/explanations/{made.requests['second'].id}")
    [kept] = await told(owner, "run_explanations")
    assert (kept.action, kept.actor, kept.before) == ("explanation.kept", "person", None)
    assert kept.after["document"] == await digest_of(owner, "run_explanations", "document")
    assert kept.after["request_id"] == str(made.requests["second"].id)
