"""Links to further pages lead where the settings say, whatever a request says of the host."""

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from app.core.settings import Settings
from tests.app.bookings.conftest import Market, market
from tests.support.world import World, day

__all__ = ["market"]

FORGED = {"Host": "elsewhere.example.net"}


async def linked(client: httpx.AsyncClient, world: World) -> str:
    """The link to the second page of two start-ups, asked for under a host that is not the service's."""
    await world.startup()
    _, headers = await world.startup()
    answer = await client.get("/v1/organisations?limit=1&kind=startup", headers={**headers, **FORGED})
    following: str = answer.json()["next"]
    assert answer.links["next"]["url"] == following
    return following


@pytest.mark.parametrize("address", ["https://creneau.example.org", "https://example.org/creneau/"])
async def test_a_forged_host_is_not_in_the_link_where_the_address_is_set(
    client: httpx.AsyncClient, app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    given = Settings(public_url=address).public_url
    monkeypatch.setattr(app.state, "settings", app.state.settings.model_copy(update={"public_url": given}))
    expected = f"{address.rstrip('/')}/v1/organisations?limit=1&kind=startup&cursor="
    assert (await linked(client, world)).startswith(expected)


async def test_the_link_is_as_the_request_was_sent_where_no_address_is_set(
    client: httpx.AsyncClient, world: World
) -> None:
    assert (await linked(client, world)).startswith("http://elsewhere.example.net/v1/organisations?")


async def test_what_a_header_locates_is_where_the_address_says(
    client: httpx.AsyncClient, app: FastAPI, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"slot_id": str(market.slot.id), "start": str(day(0)), "product_id": str(market.product.id)}
    plain = await client.post("/v1/bookings", json=body, headers=market.buyer)
    assert plain.headers["location"] == f"/v1/bookings/{plain.json()['id']}"
    changed = app.state.settings.model_copy(update={"public_url": "https://example.org/creneau"})
    monkeypatch.setattr(app.state, "settings", changed)
    held = await client.post("/v1/bookings", json=body | {"start": str(day(60))}, headers=market.buyer)
    assert held.headers["location"] == f"https://example.org/creneau/v1/bookings/{held.json()['id']}"
    assert (await client.get("/")).headers["location"] == "https://example.org/creneau/docs"


@pytest.mark.parametrize(
    "address",
    [
        "creneau.example.org",
        "ftp://example.org",
        "https://",
        "https://example.org/?a=1",
        "https://example.org?",
        "https://example.org#",
        "https://例え.jp",
        "https://exa mple.org",
        "https://example.org/a>b",
        "https://example.org\r\nSet-Cookie: a=1",
        "https://example.org\n",
        "https://host:abc",
        "https://host:65536",
        "https://host:0",
        "https://[::1",
        "https://user:secret@example.org",
        "https://@example.org",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="must be an address such as https://"):
        Settings(public_url=address)


@pytest.mark.parametrize(
    "address", ["https://xn--r8jz45g.jp", "http://127.0.0.1:8000", "http://[::1]:8000/creneau", "https://h/a%20b/~c@d"]
)
def test_what_is_one_is_kept(address: str) -> None:
    assert Settings(public_url=address).public_url == address
