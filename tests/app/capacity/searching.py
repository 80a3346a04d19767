"""Searching as a client does, page after page."""

from typing import Any

import httpx


async def all_found(
    client: httpx.AsyncClient, query: dict[str, Any], headers: Any, *, limit: int = 37
) -> list[dict[str, Any]]:
    """Return what a search finds, on all its pages."""
    answer = await client.get("/v1/slots", params=query | {"limit": limit}, headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    asked = set()
    while url := answer.json()["next"]:
        assert url not in asked, "the pages go round"
        asked.add(url)
        answer = await client.get(url, headers=headers)
        items += answer.json()["items"]
    return items
