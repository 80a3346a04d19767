"""Agreements with a fee, and what is published of them and recorded, for tests of readiness."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from app.capacity.models import Agreement, ReadinessDay, Slot
from app.core import clock
from app.core.database import transaction
from app.core.model import period
from app.identity.models import Organisation, OrganisationKind
from tests.app.capacity.rows import agreement
from tests.support.world import World

FEE = 900_000


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def on(monkeypatch: pytest.MonkeyPatch, moment: date) -> None:
    """Let it be some instant, or noon of some day."""
    instant = moment if isinstance(moment, datetime) else at_noon(moment)
    monkeypatch.setattr(clock, "now", lambda: instant)


def days(start: date, count: int) -> list[date]:
    return [start + timedelta(days=number) for number in range(count)]


async def funded(world: World, cdmo: Organisation, start: date, end: date, **given: Any) -> Agreement:
    """An agreement of ten batch-days a quarter, funded by an authority unless another is given."""
    if "funder_id" not in given:
        given["funder_id"] = (await world.organisation(OrganisationKind.AUTHORITY)).id
    terms = {"batch_days_per_quarter": 10, "readiness_fee_cents": FEE, **given}
    return await agreement(world, cdmo, period=period(start, end), **terms)


async def published(world: World, made: Agreement, start: date, count: int, **given: Any) -> Slot:
    """A slot of an agreement over so many days, on a unit of its own."""
    cdmo = Organisation(id=made.organisation_id, kind=OrganisationKind.CDMO, name="")
    unit = await world.unit(cdmo)
    whole = period(start, start + timedelta(days=count))
    terms: dict[str, Any] = {"reserve": made.reserve, "agreement_id": made.id} | given
    return await world.add(Slot(unit_id=unit.id, period=whole, **terms))


async def recorded(world: World, made: Agreement, start: date, end: date, ready: Collection[date] = ()) -> None:
    """Record every day of [start, end): a batch-day for each time that it is among those that were ready."""
    ready = list(ready)
    rows = [
        {"agreement_id": made.id, "day": day, "published_batch_days": ready.count(day)}
        for day in days(start, (end - start).days)
    ]
    async with transaction(world.sessions) as session:
        await session.execute(insert(ReadinessDay), rows)


async def charged(client: httpx.AsyncClient, headers: Mapping[str, str]) -> list[tuple[str, int]]:
    """Quarters and amounts of the readiness fees in a list of charges, in their order."""
    answer = await client.get("/v1/charges", headers=headers)
    assert answer.status_code == 200, answer.text
    lines = answer.json()["items"]
    assert {line["kind"] for line in lines} <= {"readiness_fee"}
    return [(line["quarter_on"], line["amount_cents"]) for line in lines]
