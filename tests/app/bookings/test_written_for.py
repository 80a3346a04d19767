"""The function that writes a booking has its owner's rights, and refuses by itself what is not the acting one's."""

from collections.abc import AsyncIterator, Callable, Mapping
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
from asyncpg import InsufficientPrivilegeError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit.models import ActorKind
from app.bookings import direct, writing_repository
from app.bookings.schemas import BookingCreate
from app.bookings.writing_repository import Writing
from app.core.database import make_engine
from app.core.driver import Driver, driver_of
from app.core.idempotency import Claim, KeptAnswer
from app.core.settings import Settings
from app.core.tenancy import EVERYBODY, NOBODY, Tenancy, acting_for
from app.identity.actor import Actor
from app.identity.models import Role
from tests.app.bookings.conftest import Market
from tests.app.bookings.test_at_once import stored
from tests.support.world import day

Change = Callable[[list[dict[str, Any]], str], None]


@pytest.fixture
async def driver(settings: Settings) -> AsyncIterator[Driver]:
    """A connection of the application's role."""
    assert settings.database_url is not None
    engine = make_engine(settings.database_url, settings)
    async with engine.connect() as connection:
        yield await driver_of(connection)
    await engine.dispose()


@pytest.fixture
def actor(market: Market) -> Actor:
    """Somebody of the market's start-up."""
    return Actor(
        kind=ActorKind.KEY,
        role=Role.STARTUP_MEMBER,
        organisation_id=market.startup.id,
        scopes=frozenset(),
        request_id="r",
    )


@pytest.fixture
async def writing(market: Market, driver: Driver, actor: Actor, monkeypatch: pytest.MonkeyPatch) -> Writing:
    """What the service writes for a hold of the market's start-up, not written yet."""
    made: list[Writing] = []

    async def noted(_: Driver, writing: Writing) -> None:
        made.append(writing)

    claim = Claim(actor.holder_id, "once", b"x" * 32)
    command = BookingCreate(slot_id=market.slot.id, start=day(10), product_id=market.product.id, batches=1)
    with monkeypatch.context() as patch, acting_for(actor.tenancy):
        patch.setattr(writing_repository, "write", noted)
        await direct.hold_at_once(
            driver, actor, command, lambda _: claim.answered(KeptAnswer(201, {}, b"{}")), hold_minutes=30
        )
    return made[0]


def of_booking(records: list[dict[str, Any]], other: str) -> None:
    records[-1]["after"]["organisation_id"] = other


def of_request(records: list[dict[str, Any]], other: str) -> None:
    records[0]["after"]["organisation_id"] = other


def of_record_of_booking(records: list[dict[str, Any]], other: str) -> None:
    records[-1]["organisation_id"] = other


def of_record_of_request(records: list[dict[str, Any]], other: str) -> None:
    records[0]["organisation_id"] = other


def of_nobody(records: list[dict[str, Any]], _: str) -> None:
    records[-1]["organisation_id"] = None


def with_a_third_record(records: list[dict[str, Any]], other: str) -> None:
    records.insert(1, records[0] | {"organisation_id": other})


@pytest.mark.parametrize(
    "change", [of_booking, of_request, of_record_of_booking, of_record_of_request, of_nobody, with_a_third_record]
)
async def test_no_row_is_written_for_another(
    market: Market, driver: Driver, actor: Actor, writing: Writing, owner: AsyncEngine, change: Change
) -> None:
    other, _ = await market.world.startup()
    records = [dict(deepcopy(record)) for record in writing.records]
    change(records, str(other.id))
    await refused(owner, driver, actor.tenancy, writing._replace(records=records))


async def test_no_answer_is_kept_for_another(
    driver: Driver, actor: Actor, writing: Writing, owner: AsyncEngine
) -> None:
    assert writing.kept is not None
    writing.kept.holder_id = UUID(int=1)
    await refused(owner, driver, actor.tenancy, writing)


async def test_no_request_of_another_is_booked(
    market: Market, driver: Driver, actor: Actor, writing: Writing, owner: AsyncEngine
) -> None:
    other, _ = await market.world.startup()
    request = await market.world.request(await market.world.product(other))
    record = dict(deepcopy(writing.records[-1]))
    record["after"]["request_id"] = str(request.id)
    await refused(owner, driver, actor.tenancy, writing._replace(records=[record]))
    record["after"]["request_id"] = str(market.request.id)
    with acting_for(actor.tenancy):
        assert await writing_repository.write(driver, writing._replace(records=[record])) is None


@pytest.mark.parametrize("across", [False, True])
async def test_it_is_written_for_whom_it_is_and_by_the_service_for_anybody(
    market: Market, driver: Driver, actor: Actor, writing: Writing, owner: AsyncEngine, *, across: bool
) -> None:
    other, _ = await market.world.startup()
    for tenancy in (NOBODY, Tenancy(other.id, Role.STARTUP_MEMBER.value, actor.holder_id)):
        await refused(owner, driver, tenancy, writing)
    with acting_for(EVERYBODY if across else actor.tenancy):
        assert await writing_repository.write(driver, writing) is None
        assert await writing_repository.write(driver, writing) == "key_kept"
    assert len((await stored(owner))["bookings"]) == 1


async def refused(owner: AsyncEngine, driver: Driver, tenancy: Tenancy, writing: Writing) -> None:
    """Write it for an organisation, and find that nothing has been written."""
    before: Mapping[str, Any] = await stored(owner)
    with acting_for(tenancy), pytest.raises(InsufficientPrivilegeError, match="row-level security"):
        await writing_repository.write(driver, writing)
    assert await stored(owner) == before
