"""What a browser sends for another origin changes nothing, whoever is signed in there."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.support.visitors import HERE, Browser, Visitors

BODY = {"city": "Évry"}
CROSS_SITE = "urn:creneau:problem:cross-site-request"


async def change(browser: Browser, organisation_id: object, headers: Mapping[str, str]) -> httpx.Response:
    """Change one's organisation through the interface, from a browser."""
    return await browser.patch(f"/v1/organisations/{organisation_id}", json=BODY, headers={"If-Match": "*", **headers})


@pytest.mark.parametrize(
    "changed",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x" * 43},
        {"X-CSRF-Token": "é".encode()},
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "https://evil.example.org"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:81"},
        {"Origin": "http://localhost.evil.example.org"},
        {"Origin": "http://localhost/"},
        {"Origin": "http://localhost:x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_what_no_page_of_this_service_sends_changes_nothing(visitors: Visitors, changed: dict[str, Any]) -> None:
    person = await visitors.member()
    browser = await visitors.signed_in(person)
    good = await browser.csrf()
    headers = {name: value for name, value in {**good, **changed}.items() if value != ""}
    answer = await change(browser, person.organisation_id, headers)
    assert (answer.status_code, answer.json().get("type")) == (403, CROSS_SITE)
    assert (await change(browser, person.organisation_id, good)).status_code == 200


async def test_the_token_of_another_session_is_refused(visitors: Visitors) -> None:
    person, other = await visitors.member(), await visitors.member()
    browser, foreign = await visitors.signed_in(person), await visitors.signed_in(other)
    answer = await change(browser, person.organisation_id, await foreign.csrf())
    assert (answer.status_code, answer.json()["type"]) == (403, CROSS_SITE)


@pytest.mark.parametrize(
    "said", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": HERE}]
)
async def test_either_word_of_the_browser_will_do(visitors: Visitors, said: dict[str, str]) -> None:
    person = await visitors.member()
    browser = await visitors.signed_in(person)
    headers = {"X-CSRF-Token": (await browser.csrf())["X-CSRF-Token"], **said}
    assert (await change(browser, person.organisation_id, headers)).status_code == 200


async def test_every_method_that_changes_anything_needs_the_token(visitors: Visitors) -> None:
    browser = await visitors.signed_in(await visitors.member())
    paths: dict[str, dict[str, Any]] = visitors.app.openapi()["paths"]
    writes = [(method, path) for path, told in paths.items() for method in told if method != "get"]
    assert len(writes) > 60
    nowhere = "00000000-0000-0000-0000-000000000001"
    for method, path in writes:
        body: dict[str, Any] = {"files": {"file": ("a.csv", b"id\n")}} if path.endswith("/import") else {"json": {}}
        answer = await browser.request(
            method.upper(),
            re.sub(r"\{\w+\}", nowhere, path),
            headers={"Idempotency-Key": "k", "If-Match": "*", "Origin": HERE},
            **body,
        )
        assert (answer.status_code, answer.json().get("type")) == (403, CROSS_SITE), (method, path, answer.text)


async def test_a_key_wins_over_a_cookie(visitors: Visitors) -> None:
    browser = await visitors.signed_in(await visitors.member())
    startup, key = await visitors.world.startup()
    me = (await browser.get("/v1/me", headers=key)).json()
    assert (me["organisation"]["id"], me["session_id"], me["csrf_token"]) == (str(startup.id), None, None)
    assert (await change(browser, startup.id, key)).status_code == 200
    wrong = await browser.get("/v1/me", headers={"Authorization": "Bearer crn_nothing"})
    assert wrong.status_code == 401
