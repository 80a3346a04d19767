"""The real application on a real database, driven from outside its event loop; and a small market of its own in it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from app.audit.author import Author
from app.bookings.expiry import expire
from app.capacity.models import Approval, Slot
from app.capacity.service import lock_units
from app.catalogue.models import Unit
from app.core.clock import today
from app.core.database import make_engine, make_session_factory, transaction
from app.core.model import period
from app.core.settings import Settings
from app.main import create_app
from tests.machine.things import CDMO_PERCENTS
from tests.support import server
from tests.support.client import Client
from tests.support.world import World

Headers = Mapping[str, str]
COUNTRIES = ("FR", "BE")
FAR_DAYS = 3_000

# Time passes for a market when all that it has lies earlier: the service and the database keep the same clock.
SHIFT = """
    UPDATE slots SET period = daterange(lower(period) - {days}, upper(period) - {days}),
        releases_on = releases_on - {days}
        WHERE unit_id = ANY ({units});
    UPDATE calendar_entries SET period = daterange(lower(period) - {days}, upper(period) - {days})
        WHERE unit_id = ANY ({units});
    UPDATE slip_moves SET period = daterange(lower(period) - {days}, upper(period) - {days}),
        delivery_on = delivery_on - {days}
        WHERE period IS NOT NULL AND booking_id IN (SELECT id FROM bookings WHERE unit_id = ANY ({units}));
    UPDATE slips SET expected_end_on = expected_end_on - {days}
        WHERE booking_id IN (SELECT id FROM bookings WHERE unit_id = ANY ({units}));
    UPDATE requests SET earliest_on = earliest_on - {days}, latest_delivery_on = latest_delivery_on - {days}
        WHERE organisation_id = ANY ({owners});
    UPDATE bookings SET period = daterange(lower(period) - {days}, upper(period) - {days}),
        delivery_on = delivery_on - {days}, expected_end_on = expected_end_on - {days},
        actual_start_on = actual_start_on - {days}, actual_end_on = actual_end_on - {days},
        free_from_on = free_from_on - {days},
        hold_expires_at = hold_expires_at - {instants}, approval_expires_at = approval_expires_at - {instants},
        created_at = created_at - {instants},
        move = move || jsonb_build_object(
            'start', (move ->> 'start')::date - {days}, 'end', (move ->> 'end')::date - {days})
        WHERE unit_id = ANY ({units});
"""


class Asked(NamedTuple):
    """A request that a start-up has submitted; days are ordinals."""

    id: str
    owner: int
    batches: int
    earliest: int
    latest: int


@dataclass(frozen=True)
class Scene:
    """One CDMO with two lines of one unit each, two start-ups, one of them foreign, and a stranger CDMO with a slot."""

    seller: Headers
    buyers: tuple[Headers, ...]
    owners: tuple[str, ...]
    products: tuple[str, ...]
    cdmo: str
    line: Mapping[str, str]
    stranger: Headers
    strange_slot: str
    requests: tuple[Asked, ...]

    @property
    def region(self) -> str:
        """The region in which nothing else lies."""
        return self.cdmo

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(self.line)


@dataclass
class Stage:
    """What machines play on, one after the other, and how much they have played."""

    portal: BlockingPortal
    client: httpx.AsyncClient
    world: World
    superuser: asyncpg.Connection
    sequences: int = 0
    steps: int = 0
    refused: int = 0
    _known: tuple[Headers, str] | None = None

    def send(self, method: str, path: str, headers: Headers, body: object = None) -> httpx.Response:
        """Send one request, and wait for its answer."""
        return self.portal.call(self._send, method, path, headers, body)

    async def _send(self, method: str, path: str, headers: Headers, body: object) -> httpx.Response:
        return await self.client.request(method, path, headers=headers, json=body)

    def read(self, asked: Mapping[str, tuple[str, Headers]]) -> dict[str, Any]:
        """Read several things, by name."""
        return self.portal.call(self._read, asked)

    async def _read(self, asked: Mapping[str, tuple[str, Headers]]) -> dict[str, Any]:
        found = {}
        for name, (path, headers) in asked.items():
            answer = await self.client.get(path, headers=headers)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert page["next"] is None, "more than one page: lower the number of steps"
            found[name] = page["items"]
        return found

    def pass_time(self, scene: Scene, days: int, instants: timedelta) -> None:
        """Let all of a scene lie so much earlier."""
        self.portal.call(self._pass_time, scene, days, instants)

    async def _pass_time(self, scene: Scene, days: int, instants: timedelta) -> None:
        places = {
            "days": str(days),
            "instants": f"interval '{instants.total_seconds()} seconds'",
            "units": _uuids(scene.units),
            "owners": _uuids(scene.owners),
        }
        await self.superuser.execute(SHIFT.format(**places))

    def sweep(self, scene: Scene) -> None:
        """Note what has run out on the units of a scene."""
        self.portal.call(self._sweep, scene)

    async def _sweep(self, scene: Scene) -> None:
        units = {UUID(unit) for unit in scene.units}
        async with transaction(self.world.sessions) as session:
            await lock_units(session, units)
            await expire(session, Author.of_job("sweep"), units)

    def scene(self) -> Scene:
        """Set a scene of its own for one sequence."""
        return self.portal.call(self._scene)

    async def _scene(self) -> Scene:
        world = self.world
        cdmo, seller = await world.cdmo()
        region = {"region": str(cdmo.id)}
        units = [await world.unit(cdmo, site=region, cdmo_cancellation_percent=percent) for percent in CDMO_PERCENTS]
        sides = [await world.startup(country=country) for country in COUNTRIES]
        products = [await world.product(startup) for startup, _ in sides]
        requests = []
        for owner, product in enumerate(products):
            for batches, earliest, latest in ((1, 0, 400), (2, 30, 200)):
                days = today() + timedelta(days=earliest), today() + timedelta(days=latest)
                made = await world.request(product, batches=batches, earliest_on=days[0], latest_delivery_on=days[1])
                requests.append(Asked(str(made.id), owner, batches, *(one.toordinal() for one in days)))
        stranger, strange = await self._stranger()
        return Scene(
            seller=seller,
            buyers=tuple(headers for _, headers in sides),
            owners=tuple(str(startup.id) for startup, _ in sides),
            products=tuple(str(one.id) for one in products),
            cdmo=str(cdmo.id),
            line={str(unit.id): str(unit.line_id) for unit in units},
            stranger=stranger,
            strange_slot=strange,
            requests=tuple(requests),
        )

    async def _stranger(self) -> tuple[Headers, str]:
        if self._known is None:
            other, headers = await self.world.cdmo()
            unit: Unit = await self.world.unit(other)
            days = period(today() - timedelta(days=FAR_DAYS), today() + timedelta(days=FAR_DAYS))
            slot = await self.world.add(Slot(unit_id=unit.id, period=days, approval=Approval.INSTANT))
            self._known = headers, str(slot.id)
        return self._known


def _uuids(values: tuple[str, ...]) -> str:
    return "'{" + ",".join(str(UUID(one)) for one in values) + "}'::uuid[]"


@contextmanager
def on(settings: Settings, database: str) -> Iterator[Stage]:
    """A stage on a database, which is emptied afterwards."""
    with server.emptying(database) as empty, start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(_on(settings, database, portal)) as stage:
            yield stage
        empty()


@asynccontextmanager
async def _on(settings: Settings, database: str, portal: BlockingPortal) -> AsyncIterator[Stage]:
    assert settings.database_owner_url is not None
    owner = make_engine(settings.database_owner_url, settings, is_owner=True)
    app = create_app(settings)
    url = server.secret(server.address(database)).get_secret_value().replace("+asyncpg", "")
    superuser = await asyncpg.connect(url)
    # What follows from a change has followed from it already: nothing is to happen because days shift.
    await superuser.execute("SET session_replication_role = replica")
    world = World(make_session_factory(owner))
    await world.add_modalities()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), Client(transport=transport, base_url="http://test") as client:
        yield Stage(portal, client, world, superuser)
    await superuser.close()
    await owner.dispose()
