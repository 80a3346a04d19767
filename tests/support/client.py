"""A client that keeps the conventions of the interface, so that a test says only what it is about."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx


class _FreeHand(Mapping[str, str]):
    """The headers of a change to whatever version there is, under a key that is new each time."""

    def __getitem__(self, name: str) -> str:
        return {"If-Match": "*", "Idempotency-Key": uuid4().hex}[name]

    def __iter__(self) -> Any:
        return iter(("If-Match", "Idempotency-Key"))

    def __len__(self) -> int:
        return 2


FREE_HAND: Mapping[str, str] = _FreeHand()


class Client(httpx.AsyncClient):
    """Sends a new key with each POST, and changes whatever version there is, unless a test says otherwise.

    A header that a test gives stands; one given as an empty text is not sent at all.
    """

    async def request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Response:
        """Send one request."""
        given = options.pop("headers", None)
        headers = given.copy() if isinstance(given, httpx.Headers) else httpx.Headers(given)
        if method in {"POST", "PATCH", "DELETE"}:
            for name, value in FREE_HAND.items():
                headers.setdefault(name, value)
        for name in FREE_HAND:
            if headers.get(name) == "":
                del headers[name]
        return await super().request(method, url, headers=headers, **options)
