"""Making and using keys over HTTP."""

from collections.abc import Mapping
from typing import Any

import httpx

KEYS = "/v1/keys"
SLOTS = "/v1/slots"
BOTH = ["read", "write"]
Headers = Mapping[str, str]


def bearer(secret: str) -> dict[str, str]:
    """Return the headers that carry a secret."""
    return {"Authorization": f"Bearer {secret}"}


async def make(client: httpx.AsyncClient, headers: Headers, **given: Any) -> dict[str, Any]:
    """Make a key that may do everything, unless it is given otherwise."""
    answer = await client.post(KEYS, json={"label": "ERP", "scopes": BOTH, **given}, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def status(client: httpx.AsyncClient, secret: str) -> int:
    """Return what a request with a secret is answered."""
    return (await client.get(SLOTS, headers=bearer(secret))).status_code


async def own(client: httpx.AsyncClient, headers: Headers) -> dict[str, Any]:
    """The caller's own key, the only one of its organisation in a person's hands."""
    listed = (await client.get(KEYS, headers=headers)).json()["items"]
    [found] = [one for one in listed if one["person_id"] and headers["Authorization"][7:].startswith(one["prefix"])]
    return dict(found)
