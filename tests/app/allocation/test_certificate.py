"""The certificate of a plan: made by a worker once for each plan, and honest about changes by hand."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation import certifying
from app.allocation.engine import EngineFailed
from tests.app.allocation.conftest import PATIENCE_SECONDS, Rounds, contest
from tests.support.world import World

pytestmark = pytest.mark.database


async def certified(rounds: Rounds, run_id: str) -> Any:
    """Ask for a certificate until it is there."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await rounds.client.get(f"/v1/runs/{run_id}/certificate", headers=rounds.headers)
            if answer.status_code != 202:
                assert answer.status_code == 200, answer.text
                return answer.json()
            assert (answer.json()["state"], answer.headers["retry-after"]) == ("computing", "2")
            await asyncio.sleep(0.3)


async def test_a_plan_is_certified_once_and_a_changed_one_anew(
    world: World, rounds: Rounds, owner: AsyncEngine, worker: asyncio.Event
) -> None:
    """Taking `second` out of the plan by hand leaves room for it: the plan is then wasteful, and the property fails."""
    made = await contest(world)
    round_id, run = await rounds.solved()
    found = await certified(rounds, run["id"])
    verdicts = {one["name"]: one["verdict"] for one in found["properties"]}
    assert found["verdict"] == "holds"
    assert {verdicts[name] for name in ("eligible", "feasible", "non_wasteful", "no_justified_envy")} == {"holds"}
    groups = {outcome["by"]: outcome["groups"] for outcome in found["outcomes"]}
    assert [(group["name"], group["placed"], group["demands"]) for group in groups["region"]] == [
        ("Île-de-France", 2, 3)
    ]
    assert [group["name"] for group in groups["size"]] == ["unknown"]
    assert (await rounds.get(f"/v1/runs/{run['id']}/certificate")) == found
    async with owner.connect() as connection:
        attempts = text("SELECT attempt, outcome FROM job_attempts WHERE kind = 'certify'")
        assert {tuple(row) for row in await connection.execute(attempts)} == {(1, "done")}

    request_id = str(made.requests["second"].id)
    change = {"action": "unplace", "request_id": request_id, "reason_code": "data_error"}
    await rounds.post(f"/v1/rounds/{round_id}/adjust", change)
    changed = await certified(rounds, run["id"])
    wasteful = next(one for one in changed["properties"] if one["name"] == "non_wasteful")
    assert (changed["verdict"], wasteful["verdict"]) == ("fails", "fails")
    assert [one["demands"] for one in wasteful["counterexamples"]] == [[request_id]]
    assert [one["reason_code"] for one in changed["adjustments"]] == ["data_error"]


async def test_only_who_decides_reads_a_certificate_and_only_of_a_plan(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    made = await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    refused = await rounds.get(f"/v1/runs/{run_id}/certificate", expect=409)
    assert refused["type"] == "urn:creneau:problem:without-plan"
    answer = await client.get(f"/v1/runs/{run_id}/certificate", headers=made.headers["first"])
    assert answer.status_code == 404


async def test_a_failing_engine_is_told_and_tried_again_later(
    world: World, rounds: Rounds, worker: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any, **__: Any) -> Any:
        raise EngineFailed("out of memory")

    await contest(world)
    _, run = await rounds.solved()
    with monkeypatch.context() as patched:
        patched.setattr(certifying, "asked", fails)
        path = f"/v1/runs/{run['id']}/certificate"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (answer := await rounds.client.get(path, headers=rounds.headers)).status_code == 202:  # noqa: ASYNC110 - the word is in the database
                await asyncio.sleep(0.3)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:creneau:problem:statement-failed")
    assert "out of memory" in answer.json()["detail"]
    monkeypatch.setattr(certifying, "TRIED_AGAIN_AFTER", certifying.TRIED_AGAIN_AFTER * 0)
    assert (await certified(rounds, run["id"]))["state"] == "ready"
