"""The inbox of a CDMO: what is asked and wanted first, by its day; what has ended counts as missing."""

from datetime import date, datetime, time, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from app.catalogue.models import LineModality
from app.core.clock import SITE_ZONE, today
from app.core.database import transaction
from app.requests.models import Feasibility, FeasibilityState, FeasibilityStatus, RequestStatus
from app.requests.rules import WAITING, feasibility_state
from tests.app.requests.test_feasibilities import Asked, asked
from tests.support.world import World

__all__ = ["asked"]


def days_ago(days: int) -> datetime:
    """Return noon of a day at the sites, whose days are not all of 24 hours."""
    return datetime.combine(today() - timedelta(days=days), time(12), SITE_ZONE)


async def question(world: World, asked: Asked, **given: Any) -> Feasibility:
    """Store a question about a further request to the same line."""
    status = given.pop("request_status", RequestStatus.SUBMITTED)
    request = await world.request(await world.product(asked.owner), status=status)
    defaults: dict[str, Any] = {"disclosed_summary": "An antibody", "consented_at": days_ago(3)}
    return await world.add(Feasibility(request_id=request.id, line_id=asked.unit.line_id, **(defaults | given)))


async def several(world: World, asked: Asked) -> dict[str, str]:
    """Store one question in each state, and one wanted before the open one; return their names by identifier."""
    day = timedelta(days=1)
    rows = {
        "answered": await question(world, asked, status="feasible", valid_until_on=today()),
        "expired": await question(world, asked, status="feasible", valid_until_on=today() - day),
        "open": await question(world, asked),
        "lapsed": await question(world, asked, request_status=RequestStatus.WITHDRAWN),
        "wanted": await question(world, asked, answer_by_on=today()),
        "overdue": await question(world, asked, answer_by_on=today() - day, consented_at=days_ago(9)),
    }
    return {str(row.id): name for name, row in rows.items()}


async def test_what_is_wanted_comes_first_by_its_day(client: httpx.AsyncClient, world: World, asked: Asked) -> None:
    names = await several(world, asked)
    seen: list[dict[str, Any]] = []
    url: str | None = "/v1/feasibilities?limit=2"
    while url:
        page = (await client.get(url, headers=asked.cdmo)).json()
        seen += page["items"]
        url = page["next"]
    assert [names[one["id"]] for one in seen] == ["overdue", "wanted", "open", "answered", "expired", "lapsed"]
    assert [one["state"] for one in seen] == ["overdue", "open", "open", "answered", "expired", "lapsed"]
    assert [one["age_days"] for one in seen] == [9, 3, 3, 3, 3, 3]
    assert {one["line_name"] for one in seen} == {seen[0]["line_name"]} != {""}
    for state, found in (("open", {"open", "wanted"}), ("overdue", {"overdue"}), ("expired", {"expired"})):
        items = (await client.get(f"/v1/feasibilities?state={state}", headers=asked.cdmo)).json()["items"]
        assert {names[one["id"]] for one in items} == found


async def test_the_summary_counts_what_the_list_shows(client: httpx.AsyncClient, world: World, asked: Asked) -> None:
    await several(world, asked)
    counts = {"open": 2, "overdue": 1, "answered": 1, "expired": 1, "lapsed": 1, "oldest_open_days": 9}
    for headers in (asked.cdmo, asked.startup, await world.coordinator()):
        assert (await client.get("/v1/feasibilities/summary", headers=headers)).json() == counts
    none = dict.fromkeys(counts, 0) | {"oldest_open_days": None}
    for headers in ((await world.cdmo())[1], (await world.startup())[1]):
        assert (await client.get("/v1/feasibilities/summary", headers=headers)).json() == none


async def test_a_question_says_by_when_its_answer_is_wanted(client: httpx.AsyncClient, asked: Asked) -> None:
    gone = asked.question | {"answer_by_on": str(today() - timedelta(days=1))}
    refused = await client.post("/v1/feasibilities", json=gone, headers=asked.startup)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/answer_by_on")
    wanted = asked.question | {"answer_by_on": str(today())}
    made = (await client.post("/v1/feasibilities", json=wanted, headers=asked.startup)).json()
    assert (made["answer_by_on"], made["state"], made["age_days"]) == (str(today()), "open", 0)


async def test_a_standard_modality_needs_no_answer_and_nothing_is_disclosed(
    client: httpx.AsyncClient, world: World, asked: Asked
) -> None:
    async with transaction(world.sessions) as session:
        await session.execute(update(LineModality).values(is_standard=True))
    refused = await client.post("/v1/feasibilities", json=asked.question, headers=asked.startup)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:creneau:problem:review-not-needed")
    assert (await client.get("/v1/feasibilities", headers=asked.cdmo)).json()["items"] == []
    matches = await client.get(f"/v1/requests/{asked.request.id}/matches?purpose=round", headers=asked.startup)
    assert len(matches.json()["options"]) == 1


@pytest.mark.parametrize(("ends_in_days", "code"), [(0, None), (-1, "feasibility_expired")])
async def test_an_answer_that_has_ended_counts_as_missing(
    client: httpx.AsyncClient, world: World, asked: Asked, ends_in_days: int, code: str | None
) -> None:
    made = (await client.post("/v1/feasibilities", json=asked.question, headers=asked.startup)).json()
    answer = {"status": "feasible", "valid_until_on": str(today())}
    await client.post(f"/v1/feasibilities/{made['id']}/answer", json=answer, headers=asked.cdmo)
    async with transaction(world.sessions) as session:
        ends_on = today() + timedelta(days=ends_in_days)
        await session.execute(update(Feasibility).values(valid_until_on=ends_on))
    url = f"/v1/requests/{asked.request.id}/matches?purpose=round"
    matches = (await client.get(url, headers=asked.startup)).json()
    told = [reason["code"] for line in matches["reasons"] for reason in line["reasons"]]
    assert told == ([code] if code else [])
    read = (await client.get(f"/v1/feasibilities/{made['id']}", headers=asked.cdmo)).json()
    assert read["state"] == ("expired" if code else "answered")


days = st.none() | st.dates(date(2029, 12, 20), date(2030, 1, 20))


@given(st.sampled_from(FeasibilityStatus), st.sampled_from(RequestStatus), days, days)
def test_a_question_is_wanted_exactly_while_its_request_waits_and_nobody_has_answered(
    status: FeasibilityStatus, request: RequestStatus, valid_until: date | None, answer_by: date | None
) -> None:
    state = feasibility_state(status, request, valid_until, answer_by, date(2030, 1, 5))
    wanted = state in {FeasibilityState.OPEN, FeasibilityState.OVERDUE}
    assert wanted == (status is FeasibilityStatus.ASKED and request in WAITING)
    assert (state is FeasibilityState.OVERDUE) == (wanted and answer_by is not None and answer_by < date(2030, 1, 5))
