"""A cursor that no list has made is refused by every list alike, whatever its members are."""

import base64
import json

import httpx
import pytest
from fastapi import FastAPI

from tests.support.world import World

IDENTIFIER = "00000000-0000-7000-8000-000000000000"
MEMBERS: tuple[object, ...] = (
    5,
    True,
    None,
    [],
    {},
    float("inf"),
    "",
    "\x00",
    "2031-01-01T00:00:00",
    "9" * 30,
    "1e400",
    "-99999-01-01",
    "٣",
    "²",
)
"""What may stand where a list puts an identifier, a day, an instant, a number or a word."""
WHOLE = ("!", "%00", "ÿ", "W10", "e30", "bnVsbA", "MQ", "W1tb" + "W1tb" * 140, base64.b64encode(b"\xff\xfe").decode())
"""Nothing that is a list of members at all."""


def lists(app: FastAPI) -> list[str]:
    """Paths of the lists that have pages and are of nobody in particular."""
    return [
        path
        for path, item in app.openapi()["paths"].items()
        if "{" not in path and any(one["name"] == "cursor" for one in item.get("get", {}).get("parameters", ()))
    ]


def forged(*members: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


@pytest.fixture
async def keys(world: World) -> list[dict[str, str]]:
    """Keys of a start-up, of a CDMO and of the coordinator: each list is open to one of them."""
    return [dict((await world.startup())[1]), dict((await world.cdmo())[1]), dict(await world.coordinator())]


async def test_what_no_list_has_made_is_refused(
    app: FastAPI, client: httpx.AsyncClient, keys: list[dict[str, str]]
) -> None:
    paths = lists(app)
    assert len(paths) > 15
    cursors = [*WHOLE, *(forged(*key) for one in MEMBERS for key in ((one,), (one, IDENTIFIER), (1, one), (one,) * 3))]
    for path in paths:
        # Whoever may not read a list is told so first.
        readers = [key for key in keys if (await client.get(path, headers=key)).status_code == 200]
        for cursor in cursors:
            answer = await client.get(path, params={"cursor": cursor}, headers=readers[0])
            assert answer.status_code == 422, (path, cursor, answer.text)
            assert [one["pointer"] for one in answer.json()["errors"]] == ["query/cursor"]
