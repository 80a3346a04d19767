"""The ledger as a file: each side its own, in euros and cents, however long it is."""

import csv
import io
from datetime import UTC, datetime

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings import ledger_repository
from app.bookings.models import Charge, ChargeKind
from app.core.database import transaction
from app.core.model import new_id
from app.core.sheets import writing
from tests.app.bookings.conftest import Headers, Market
from tests.support.explain import plans_of, settle
from tests.support.world import World

EUROS = {"reservation_fee": "150000.00", "lending_discount": "-0.07"}


async def ledger(market: Market) -> None:
    """Store a fee and a discount between the two sides, and a charge of others."""
    for kind, cents in ((ChargeKind.RESERVATION_FEE, 15_000_000), (ChargeKind.LENDING_DISCOUNT, -7)):
        await market.world.add(
            Charge(
                organisation_id=market.startup.id,
                counterparty_id=market.cdmo.id,
                kind=kind,
                amount_cents=cents,
                detail={"days": 3},
            )
        )
    other, _ = await market.world.startup(name="=other")
    await market.world.add(Charge(organisation_id=other.id, kind=ChargeKind.PRICE, amount_cents=1))


async def fetched(market: Market, headers: Headers, **query: str) -> httpx.Response:
    """Return a file of charges."""
    answer = await market.client.get("/v1/charges/export", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


async def test_each_organisation_gets_its_own_and_the_coordinator_all(market: Market) -> None:
    await ledger(market)
    for headers, lines in ((market.buyer, 2), (market.seller, 2), (await market.world.coordinator(), 3)):
        rows = list(csv.DictReader(io.StringIO((await fetched(market, headers)).text)))
        assert len(rows) == lines
        assert {row["kind"]: row["amount_eur"] for row in rows[:2]} == EUROS
        assert [row["amount_cents"] for row in rows[:2]] == ["15000000", "-7"]
        assert {(row["organisation"], row["counterparty"]) for row in rows[:2]} == {
            (market.startup.name, market.cdmo.name)
        }
        assert rows[0]["detail"] == '{"days":3}'
        assert datetime.fromisoformat(rows[0]["created_at"]).tzinfo == UTC
    assert rows[2]["organisation"] == "'=other"
    assert (await market.client.get("/v1/charges/export")).status_code == 401


async def test_a_workbook_has_amounts_and_instants(market: Market) -> None:
    await ledger(market)
    answer = await fetched(market, market.buyer, format="xlsx")
    assert answer.headers["content-disposition"].endswith('.xlsx"')
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    header, first, second = ([cell.value for cell in row] for row in sheet.iter_rows())
    one, other = dict(zip(header, first, strict=True)), dict(zip(header, second, strict=True))
    assert (one["amount_eur"], one["amount_cents"]) == (150_000, 15_000_000)
    assert (other["amount_eur"], other["amount_cents"]) == (-0.07, -7)
    assert isinstance(one["created_at"], datetime)
    french = (await fetched(market, market.buyer, delimiter="semicolon")).content.decode("utf-8-sig")
    assert ";150000,00;15000000;" in french


async def test_a_workbook_has_a_limit_and_csv_has_none(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    await ledger(market)
    monkeypatch.setattr(writing, "MAX_WORKBOOK_ROWS", 1)
    refused = await market.client.get("/v1/charges/export", params={"format": "xlsx"}, headers=market.buyer)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "query/format"
    assert "take `csv`" in refused.json()["detail"]
    assert len((await fetched(market, market.buyer)).text.splitlines()) == 3


async def test_a_long_ledger_is_read_by_index_and_whole(market: Market, owner: AsyncEngine) -> None:
    ids = [(await market.world.startup())[0].id for _ in range(3)]
    rows = [
        {"id": new_id(), "organisation_id": ids[number % 3], "kind": ChargeKind.PRICE, "amount_cents": number + 1}
        for number in range(3_000)
    ]
    async with owner.begin() as connection:
        await connection.execute(insert(Charge), rows)
    await ledger(market)
    await settle(owner)
    async with transaction(market.world.sessions) as session:

        async def read() -> None:
            async for _ in ledger_repository.stream_charges(session, market.startup.id):
                pass

        (plan,) = await plans_of(session, read)
    assert "Seq Scan on charges" not in plan, plan
    everything = (await fetched(market, await market.world.coordinator())).text
    assert sum(int(row["amount_cents"]) for row in csv.DictReader(io.StringIO(everything))) == (
        sum(range(1, 3_001)) + 15_000_000 - 7 + 1
    )


async def test_an_empty_ledger_is_a_file_with_a_header(client: httpx.AsyncClient, world: World) -> None:
    _, buyer = await world.startup()
    answer = await client.get("/v1/charges/export", headers=buyer)
    assert answer.text.splitlines() == [answer.text.strip()]
    assert answer.text.startswith("id,created_at,kind,")
