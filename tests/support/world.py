"""Rows for tests, made as they are needed, through the owner's role and the real constraints."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import func, update
from sqlmodel import SQLModel

from app.capacity.models import Slot
from app.catalogue.models import LineModality, Modality, ProductionLine, Site, SiteKind, Unit
from app.core.clock import today
from app.core.database import SessionFactory, transaction
from app.core.model import period
from app.core.vocabulary import Basis, Confidence, GmpPhase, Reserve
from app.identity.keys import new_key
from app.identity.models import ApiKey, Organisation, OrganisationKind, Person, Role
from app.requests.models import Product, Request, RequestStatus

DAY_ONE = date(2030, 1, 1)
"""A day far enough ahead that no test grows stale."""

Row = TypeVar("Row", bound=SQLModel)


def day(offset: int) -> date:
    """Return the day so many days after `DAY_ONE`."""
    return DAY_ONE + timedelta(days=offset)


def since_day_one() -> int:
    """Return how many days after `DAY_ONE` today is: fewer than 0."""
    return (today() - DAY_ONE).days


@dataclass
class World:
    """Makes rows, each valid by default, with what a test cares about given by name."""

    sessions: SessionFactory
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def add(self, row: Row) -> Row:
        """Store one row."""
        await self._add_all([row])
        return row

    async def _add_all(self, rows: Iterable[SQLModel]) -> None:
        """Store rows, in their order, in one transaction."""
        async with transaction(self.sessions) as session:
            for row in rows:
                session.add(row)
                await session.flush()

    async def add_modalities(self) -> None:
        """Store a vocabulary of two products and a service."""
        codes = ("monoclonal_antibody", "viral_vector_aav", "fill_finish")
        await self._add_all(
            Modality(code=code, name_en=code, name_fr=code, is_product=code != "fill_finish") for code in codes
        )

    async def organisation(self, kind: OrganisationKind, **given: Any) -> Organisation:
        """Store an organisation."""
        defaults = {"name": f"{kind.value} {next(self._numbers)}", "region": "Île-de-France"}
        return await self.add(Organisation(kind=kind, **(defaults | given)))

    async def headers(self, organisation: Organisation, role: Role) -> Mapping[str, str]:
        """Store a person with a key, and return the headers that carry it."""
        number = next(self._numbers)
        person = Person(organisation_id=organisation.id, name=f"P {number}", email=f"p{number}@example.org", role=role)
        key = new_key()
        held = ApiKey(
            organisation_id=organisation.id,
            person_id=person.id,
            role=role,
            name="test",
            prefix=key.prefix,
            secret_sha256=key.sha256,
        )
        await self._add_all([person, held])
        return {"Authorization": f"Bearer {key.plain}"}

    async def revoke_all_keys(self) -> None:
        """Revoke every key there is."""
        async with transaction(self.sessions) as session:
            await session.execute(update(ApiKey).values(revoked_at=func.now()))

    async def startup(self, **given: Any) -> tuple[Organisation, Mapping[str, str]]:
        """Store a start-up and a member's key."""
        made = await self.organisation(OrganisationKind.STARTUP, **given)
        return made, await self.headers(made, Role.STARTUP_MEMBER)

    async def cdmo(self, **given: Any) -> tuple[Organisation, Mapping[str, str]]:
        """Store a CDMO and a planner's key."""
        made = await self.organisation(OrganisationKind.CDMO, **given)
        return made, await self.headers(made, Role.CDMO_PLANNER)

    async def coordinator(self) -> Mapping[str, str]:
        """Store the coordinator and return a key's headers."""
        return await self.headers(await self.organisation(OrganisationKind.COORDINATOR), Role.COORDINATOR)

    async def authority(self) -> Mapping[str, str]:
        """Store the authority and return a key's headers."""
        return await self.headers(await self.organisation(OrganisationKind.AUTHORITY), Role.AUTHORITY)

    async def unit(self, cdmo: Organisation, *, site: Mapping[str, Any] | None = None, **line: Any) -> Unit:
        """Store a site with one antibody line of 2,000 L and one unit: 40 days a batch, 17 between, 3 to change."""
        number = next(self._numbers)
        made_site = Site(
            **{
                "organisation_id": cdmo.id,
                "name": f"Site {number}",
                "kind": SiteKind.CDMO,
                "city": "Évry",
                "region": "Île-de-France",
                "modalities": ["monoclonal_antibody"],
                "platforms": ["CHO"],
                "gmp_phases": ["phase_1", "phase_2"],
                "confidence": Confidence.HIGH,
                **(site or {}),
            }
        )
        made_line = ProductionLine(
            **{
                "site_id": made_site.id,
                "name": f"Line {number}",
                "modalities": ["monoclonal_antibody"],
                "platforms": ["CHO"],
                "gmp_phases": ["phase_1", "phase_2"],
                "working_volume_l": 2000.0,
                "first_batch_days": 40,
                "cadence_days": 17,
                "changeover_days": 3,
                "confidence": Confidence.HIGH,
                **line,
            }
        )
        terms = [
            LineModality(
                line_id=made_line.id,
                modality=modality,
                release_days=42,
                price_cents=100_000_000,
                yield_per_batch=5_000.0,
                yield_unit="g",
                is_standard=True,
                basis=Basis.DECLARED,
            )
            for modality in made_line.modalities
        ]
        unit = Unit(line_id=made_line.id, name="Unit 1")
        await self._add_all([made_site, made_line, *terms, unit])
        return unit

    async def slot(self, unit: Unit, start: int = 0, end: int = 120, **given: Any) -> Slot:
        """Store a published slot over the days [start, end) after `DAY_ONE`."""
        defaults: dict[str, Any] = {"reserve": Reserve.OPEN}
        return await self.add(Slot(unit_id=unit.id, period=period(day(start), day(end)), **(defaults | given)))

    async def product(self, startup: Organisation, **given: Any) -> Product:
        """Store an antibody product."""
        defaults = {"code_name": f"X-{next(self._numbers)}", "modality": "monoclonal_antibody", "platform": "CHO"}
        return await self.add(Product(organisation_id=startup.id, **(defaults | given)))

    async def request(self, product: Product, **given: Any) -> Request:
        """Store a submitted request for one batch, deliverable within the year after `DAY_ONE`."""
        defaults: dict[str, Any] = {
            "batches": 1,
            "gmp_phase": GmpPhase.PHASE_1,
            "earliest_on": day(0),
            "latest_delivery_on": day(365),
            "status": RequestStatus.SUBMITTED,
        }
        return await self.add(
            Request(organisation_id=product.organisation_id, product_id=product.id, **(defaults | given))
        )
