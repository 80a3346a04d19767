"""Further lists whose pages, put together, are the whole set, whatever is inserted between them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from sqlmodel import SQLModel

from app.capacity.models import Commitment
from app.catalogue.models import Unit
from app.core.clock import now
from app.core.database import transaction
from app.core.model import period
from app.core.schemas import LATEST_DAY
from app.core.vocabulary import GmpPhase
from app.identity.keys import digest
from app.identity.models import Organisation, OrganisationKind, Person, Role
from app.identity.sign_in_models import PersonSession, SessionEnd, SignInMethod
from app.requests.models import Alert, Feasibility, FeasibilityStatus, Product, Request, RequestStatus
from tests.app.core.paging_plans import MOST_ROWS, Plan, Row, Store, by_day, by_id, check, examples, plans, reader
from tests.support.world import World, day

pytestmark = pytest.mark.random


def storing(world: World, made: Callable[[Row], SQLModel]) -> Store:
    """Return what stores the rows that a list is to show."""

    async def store(rows: Sequence[Row]) -> None:
        async with transaction(world.sessions) as session:
            session.add_all([made(row) for row in rows])

    return store


def not_bare(row: Row) -> bool:
    return not row.bare


@pytest.fixture
async def coordinator(world: World) -> Mapping[str, str]:
    return await world.coordinator()


@examples
@given(plan=plans())
async def test_products(client: httpx.AsyncClient, world: World, plan: Plan) -> None:
    startup, key = await world.startup()

    def made(row: Row) -> Product:
        platform = None if row.bare else "CHO"
        return Product(
            id=row.id,
            organisation_id=startup.id,
            code_name=str(row.id),
            modality="monoclonal_antibody",
            platform=platform,
        )

    await check(client, "/v1/products", key, plan, by_id, storing(world, made))


@examples
@given(plan=plans())
async def test_requests_of_a_status(client: httpx.AsyncClient, world: World, plan: Plan) -> None:
    startup, product, key = await reader(world)

    def made(row: Row) -> Request:
        return Request(
            id=row.id,
            organisation_id=startup.id,
            product_id=product.id,
            batches=row.tie + 1,
            gmp_phase=GmpPhase.PHASE_1,
            earliest_on=day(row.tie),
            latest_delivery_on=day(300),
            status=RequestStatus.DRAFT if row.bare else RequestStatus.SUBMITTED,
        )

    await check(client, "/v1/requests?status=submitted", key, plan, by_id, storing(world, made), shown=not_bare)


@examples
@given(plan=plans())
async def test_alerts(client: httpx.AsyncClient, world: World, plan: Plan) -> None:
    startup, key = await world.startup()

    def made(row: Row) -> Alert:
        return Alert(id=row.id, organisation_id=startup.id, filters={"min_days": row.tie + 1})

    await check(client, "/v1/alerts", key, plan, by_id, storing(world, made))


@examples
@given(plan=plans())
async def test_organisations_of_a_region(
    client: httpx.AsyncClient, world: World, coordinator: Mapping[str, str], plan: Plan
) -> None:
    region = str(uuid4())

    def made(row: Row) -> Organisation:
        where = None if row.bare else region
        return Organisation(id=row.id, kind=OrganisationKind.STARTUP, name=str(row.id), region=where)

    path = f"/v1/organisations?region={region}"
    await check(client, path, coordinator, plan, by_id, storing(world, made), shown=not_bare)


@examples
@given(plan=plans())
async def test_people_who_have_not_left(
    client: httpx.AsyncClient, world: World, coordinator: Mapping[str, str], plan: Plan
) -> None:
    startup = await world.organisation(OrganisationKind.STARTUP)

    def made(row: Row) -> Person:
        return Person(
            id=row.id,
            organisation_id=startup.id,
            name="A. Member",
            email=f"{row.id}@example.org",
            role=Role.STARTUP_MEMBER,
            deactivated_at=now() if row.bare else None,
        )

    path = f"/v1/people?organisation_id={startup.id}&active=true"
    await check(client, path, coordinator, plan, by_id, storing(world, made), shown=not_bare)


@examples
@given(plan=plans())
async def test_sessions_that_are_live(client: httpx.AsyncClient, world: World, plan: Plan) -> None:
    _, key = await world.startup()
    person_id = UUID((await client.get("/v1/me", headers=key)).json()["person"]["id"])

    def made(row: Row) -> PersonSession:
        at = now()
        return PersonSession(
            id=row.id,
            person_id=person_id,
            secret_sha256=digest(str(row.id)),
            method=SignInMethod.LINK,
            device="unknown",
            created_at=at,
            last_seen_at=at,
            expires_at=at + timedelta(hours=1),
            ended_at=at if row.bare else None,
            end_reason=SessionEnd.SIGNED_OUT if row.bare else None,
        )

    await check(client, "/v1/sessions", key, plan, by_id, storing(world, made), shown=not_bare)


@examples
@given(plan=plans())
async def test_commitments_by_day(client: httpx.AsyncClient, world: World, plan: Plan) -> None:
    cdmo, key = await world.cdmo()
    unit = await world.unit(cdmo)

    def made(row: Row) -> Commitment:
        days = period(day(row.tie), day(60))
        return Commitment(id=row.id, unit_id=unit.id, period=days, note=None if row.bare else "busy")

    await check(client, "/v1/commitments", key, plan, by_day, storing(world, made))


@pytest.fixture
async def units(world: World) -> Sequence[Unit]:
    """Units, each of a line of its own."""
    cdmo, _ = await world.cdmo()
    return [await world.unit(cdmo) for _ in range(MOST_ROWS)]


@examples
@given(plan=plans())
async def test_feasibilities_by_the_day_they_are_wanted(
    client: httpx.AsyncClient, world: World, units: Sequence[Unit], plan: Plan
) -> None:
    """Those that want an answer first, those of no day last of them; the answered in the order of their making."""
    _, product, key = await reader(world)
    request = await world.request(product)
    free = iter(units)

    def made(row: Row) -> Feasibility:
        return Feasibility(
            id=row.id,
            request_id=request.id,
            line_id=next(free).line_id,
            disclosed_summary="An antibody.",
            consented_at=now(),
            answer_by_on=day(row.tie) if row.tie else None,
            status=FeasibilityStatus.FEASIBLE if row.bare else FeasibilityStatus.ASKED,
            answered_at=now() if row.bare else None,
        )

    def order(row: Row) -> tuple[object, ...]:
        wanted_on = day(row.tie) if row.tie and not row.bare else LATEST_DAY
        return row.bare, wanted_on, row.id

    await check(client, "/v1/feasibilities", key, plan, order, storing(world, made))
