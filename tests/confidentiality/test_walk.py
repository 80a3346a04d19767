"""Every route is asked, as every reader, about everything there is: nobody finds what is not theirs to know."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.settings import Settings
from tests.app.crisis.conftest import Crises, iso
from tests.confidentiality.play import READERS, THEMES, Play, played
from tests.support import server
from tests.support.api import Api
from tests.support.client import Client
from tests.support.world import World

pytestmark = pytest.mark.database

KINDS = {
    "slip_move_id": "slip_moves",
    "booking_id": "bookings",
    "feasibility_id": "feasibilities",
    "line_id": "production_lines",
    "order_id": "crisis_orders",
    "key_id": "api_keys",
    "person_id": "people",
    "crisis_id": "crisis_id",
}
"""Where the identifiers for a parameter are; by default in the table of its plural."""

UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CANARY = re.compile(
    r"canary[0-9]{4}z|(?<![0-9])77[0-9]{6}0?(?![0-9])|" + "|".join([UUID_TEXT.pattern, *THEMES.values()])
)
STREAMS = ("/v1/runs/{run_id}/progress",)
NOT_HERE = frozenset({*STREAMS, "/v1/runs/{run_id}/certificate", "/readyz"})
"""What answers nobody in this play: it streams, or is made by a worker, of whom there is none."""

UNDOCUMENTED = ("/metrics", "/docs")
EXPORTS = tuple(f"/v1/{name}/export?format=csv" for name in ("charges", "slots", "commitments"))


@pytest.fixture
async def play(client: httpx.AsyncClient, world: World, owner: AsyncEngine) -> Play:
    crises = Crises(client, world, await world.coordinator(), await world.authority())
    return await played(client, world, owner, crises)


def urls_of(app: FastAPI, play: Play, method: str) -> Iterator[tuple[str, str]]:
    """Yield every path of a method, and its address with each identifier there is, in the path and in its filters."""
    for path, operations in app.openapi()["paths"].items():
        if method not in operations or path in STREAMS:
            continue
        places = re.findall(r"{(\w+)}", path)
        urls = [path]
        for name in places:
            urls = [url.replace(f"{{{name}}}", one) for url in urls for one in sorted(known(play, name))]
        yield from ((path, url) for url in urls)
        if places:
            continue
        for parameter in operations[method].get("parameters", []):
            if parameter["in"] == "query" and parameter["name"].endswith("_id"):
                yield from (
                    (path, f"{path}?{parameter['name']}={one}") for one in sorted(known(play, parameter["name"]))
                )


def known(play: Play, parameter: str) -> set[str]:
    kind = KINDS.get(parameter, parameter.removesuffix("_id") + "s")
    return play.ids.get(kind, set())


async def told_to(play: Play, reader: str, url: str, *, may_fail: bool = False) -> str | None:
    """Return all that a reader is told at an address, on every page of it; None if it is not for them."""
    told = ""
    following: str | None = url
    while following:
        answer = await play.client.get(following, headers=play.keys[reader])
        assert answer.status_code < 500 or may_fail or url == "/readyz", (url, answer.text)
        if "spreadsheetml" in answer.headers.get("content-type", ""):
            return None  # the same rows as in the CSV, packed
        told += f" {answer.status_code} {answer.reason_phrase} {answer.headers} {answer.text}"
        if not answer.is_success:
            return told if following == url else None
        document = answer.json() if answer.headers["content-type"] == "application/json" else None
        following = document.get("next") if isinstance(document, dict) else None
    return told


def leaks(play: Play, reader: str, url: str, told: str) -> set[str]:
    """Return what a reader was told that is not for them; what they asked about they knew."""
    if url.startswith("/v1/organisations"):
        return set()  # who there is, anybody may know
    return {
        f"{reader} finds {play.meaning[value]} ({value}) at {url}"
        for value in canaries_in(play, told) - canaries_in(play, url)
        if reader not in play.readers_of[value]
    }


def canaries_in(play: Play, told: str) -> set[str]:
    found = CANARY.findall(told)
    return {value for one in found for value in (one, one[:-1]) if value in play.readers_of}


async def test_nobody_finds_what_is_not_theirs(app: FastAPI, play: Play) -> None:
    found: set[str] = set()
    seen: dict[str, set[str]] = {}
    answered: set[str] = set()
    beside = [(url, url) for url in (*UNDOCUMENTED, *EXPORTS)]
    for reader in (*READERS, "coordinator"):
        for path, url in [*urls_of(app, play, "get"), *beside]:
            told = await told_to(play, reader, url)
            if told is None:
                continue
            if " 200 OK " in told:
                answered.add(path)
            if reader != "coordinator":
                found |= leaks(play, reader, url, told)
                for value in canaries_in(play, told) - canaries_in(play, url):
                    seen.setdefault(value, set()).add(reader)
    assert not found, "\n".join(sorted(found))
    asked = {path for path, _ in urls_of(app, play, "get")}
    assert asked - answered <= NOT_HERE
    # What nobody finds would prove nothing: whoever may find a canary has found it.
    unseen = {
        f"{play.meaning[value]}: not found by {sorted(missing)}"
        for value, readers in play.readers_of.items()
        if (missing := readers - {"others"} - seen.get(value, set()))
    }
    assert not unseen, "\n".join(sorted(unseen))


WRITES: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("X", "/v1/slots", {"unit_id": "{unit Y}", "start": iso(0), "end": iso(300)}),
    ("X", "/v1/commitments", {"unit_id": "{unit Y}", "start": iso(0), "end": iso(300)}),
    ("X", "/v1/feasibilities/{feasibility B}/answer", {"status": "feasible"}),
    ("B", "/v1/bookings", {"slot_id": "{slot X}", "start": iso(12), "request_id": "{request A}"}),
    ("B", "/v1/bookings", {"slot_id": "{slot X}", "start": iso(12), "product_id": "{product A}"}),
    ("B", "/v1/bookings", {"slot_id": "{slot X}", "start": iso(12), "product_id": "{product B}"}),
    ("B", "/v1/bookings", {"slot_id": "{draft X}", "start": iso(140), "product_id": "{product B}"}),
    ("B", "/v1/bookings", {"slot_id": "{slot X}", "start": iso(215), "product_id": "{product B}"}),
    ("B", "/v1/alerts", {"request_id": "{request A}"}),
    (
        "B",
        "/v1/feasibilities",
        {"request_id": "{request A}", "line_id": "{line X}", "disclosed_summary": "S", "consent": True},
    ),
)
"""Requests about what is somebody else's, or has something of somebody else's in its way; some go well."""


async def test_no_refusal_tells_what_is_not_theirs(app: FastAPI, client: httpx.AsyncClient, play: Play) -> None:
    found: set[str] = set()
    sent = 0
    for reader in READERS:
        for method in ("post", "patch", "delete"):
            for _, url in urls_of(app, play, method):
                about = canaries_in(play, url)
                if not about or any(reader in play.readers_of[value] for value in about):
                    continue  # their own would change what is played
                answer = await client.request(method.upper(), url, json={}, headers=play.keys[reader])
                assert 400 <= answer.status_code < 500, (reader, url, answer.text)
                found |= leaks(play, reader, url, f"{answer.headers} {answer.text}")
                sent += 1
    for reader, path, body in WRITES:
        url, asked = play.filled(path), play.filled(json.dumps(body))
        answer = await client.post(
            url, content=asked, headers={**play.keys[reader], "Content-Type": "application/json"}
        )
        assert answer.status_code < 500, (reader, url, answer.text)
        found |= leaks(play, reader, url + asked, f"{answer.headers} {answer.text}")
    assert not found, "\n".join(sorted(found))
    assert sent > 500, sent


async def test_no_line_of_the_log_tells_a_canary(
    world: World, owner: AsyncEngine, settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    assert settings.database_url is not None
    unlimited = {name.upper(): str(value) for name, value in server.UNLIMITED.items()}
    with Api(settings.database_url.get_secret_value(), log, LOG_LEVEL="DEBUG", **unlimited) as api:
        async with Client(base_url=api.url, trust_env=False) as client:
            crises = Crises(client, world, await world.coordinator(), await world.authority())
            play = await played(client, world, owner, crises)
            for reader in ("A", "X", "nobody"):
                for kind in ("product", "request", "booking", "feasibilitie"):
                    for one in sorted(play.ids[f"{kind}s"]):
                        await client.get(f"/v1/{kind}s/{one}", headers=play.keys[reader])
                        await client.post(f"/v1/{kind}s", json={"id": one, "x": "canary"}, headers=play.keys[reader])
    lines = log.read_text()
    assert lines.count("\n") > 100
    # Of identifiers, those of keys and organisations are logged, and no others.
    told = canaries_in(play, lines) - play.ids["api_keys"] - play.ids["startups"]
    assert not {play.meaning[value] for value in told}
