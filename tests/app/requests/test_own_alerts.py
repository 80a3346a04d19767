"""Whose alerts are, and for what one may be: one request, or sound filters."""

import asyncio

import pytest
from sqlalchemy import text, update

from app.core.database import transaction
from app.requests import alert_rules, alerts
from app.requests.models import Request
from tests.app.requests.conftest import Waiting
from tests.support.world import day


async def test_alerts_are_ones_own(waiting: Waiting) -> None:
    alert = await waiting.wait()
    await waiting.publish()
    await waiting.sweep()
    _, stranger = await waiting.world.startup()
    coordinator = await waiting.world.coordinator()
    url = f"/v1/alerts/{alert['id']}"
    for headers, seen in ((stranger, False), (waiting.seller, False), (coordinator, True), (waiting.buyer, True)):
        for path in (url, f"{url}/hits"):
            assert (await waiting.client.get(path, headers=headers)).status_code == (200 if seen else 404)
        listed = (await waiting.client.get("/v1/alerts", headers=headers)).json()["items"]
        assert [one["id"] for one in listed] == ([alert["id"]] if seen else [])
    for headers, status in ((stranger, 404), (waiting.seller, 403), (coordinator, 403), (waiting.buyer, 204)):
        assert (await waiting.client.delete(url, headers=headers)).status_code == status
    assert (await waiting.client.get(url, headers=waiting.buyer)).status_code == 404
    await waiting.wait(headers=waiting.seller, filters={"min_days": 1}, expect=403)


async def test_an_alert_is_for_one_request_or_for_sound_filters(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = str(waiting.request.id)
    for body, pointer in (
        ({"request_id": None}, "/request_id"),
        ({"request_id": request_id, "filters": {"min_days": 3}}, "/request_id"),
        ({"filters": {}}, "/filters"),
        ({"filters": {"modality": "alchemy"}}, "/filters/modality"),
        ({"filters": {"start": str(day(3)), "end": str(day(3))}}, "/filters/end"),
        ({"filters": {"volume_min": 3, "volume_max": 2}}, "/filters/volume_max"),
        ({"filters": {"available": True}}, "/filters/available"),
        ({"filters": {"min_days": 0}}, "/filters/min_days"),
    ):
        assert (await waiting.wait(expect=422, **body))["errors"][0]["pointer"] == pointer, body
    _, stranger = await waiting.world.startup()
    await waiting.wait(headers=stranger, request_id=request_id, expect=404)
    first = await waiting.wait()
    again = await waiting.wait(expect=409)
    assert (again["type"], again["alert_id"]) == ("urn:creneau:problem:alert-exists", first["id"])
    monkeypatch.setattr(alerts, "MOST_ALERTS", 1)
    assert (await waiting.wait(filters={"min_days": 3}, expect=409))["most"] == 1
    async with transaction(waiting.world.sessions) as session:
        await session.execute(text("DELETE FROM alerts"))
        await session.execute(update(Request).values(status="booked"))
    assert (await waiting.wait(expect=409))["type"] == "urn:creneau:problem:request-settled"
    assert alert_rules.MOST_ALERTS >= 100


async def test_of_many_alerts_for_one_request_at_once_one_is_added(waiting: Waiting) -> None:
    body = {"request_id": str(waiting.request.id)}
    calls = [waiting.client.post("/v1/alerts", json=body, headers=waiting.buyer) for _ in range(5)]
    assert sorted(one.status_code for one in await asyncio.gather(*calls)) == [201, 409, 409, 409, 409]
