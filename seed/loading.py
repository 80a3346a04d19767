"""The command `load`: reads or generates a world, writes it, and makes sure that there are keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from app.core.database import make_engine
from app.core.settings import Settings
from seed.catalogue import DATA, read_catalogue
from seed.demo_keys import DemoKey, ensure_keys, write_keys
from seed.loader import AlreadySeeded, is_seeded, load_world
from seed.scenario.generate import generate
from seed.scenario.sizes import SizeName
from seed.world import real_world


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is to be loaded, and how.

    Attributes
    ----------
    size
        Of the scenario; None for the bare catalogue.
    if_empty
        Leave a database that is already seeded as it is, instead of refusing.
    keys_file
        Where demonstration keys are kept; None makes none.
    """

    size: SizeName | None
    seed: int
    as_of: date
    if_empty: bool = False
    keys_file: Path | None = None
    data: Path = DATA


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was done: rows written by table, none if nothing was to do, and whether keys were made."""

    rows: dict[str, int]
    new_keys: bool


async def load(settings: Settings, plan: LoadPlan) -> LoadReport:
    """Load under the owner's role, in one transaction.

    The keys file is written after the commit: if that fails, the next run finds that its keys do not work, and
    makes new ones.

    Raises
    ------
    MalformedRow
        The reference tables cannot be used; nothing was written.
    AlreadySeeded
        The database is not empty, and `if_empty` is not set.
    NoHolder
        Keys were asked for, and the database holds no scenario.
    """
    url = settings.database_owner_url
    if url is None:
        raise ValueError("DATABASE_OWNER_URL is not set")
    engine = make_engine(url, settings, application_name="creneau seed", is_owner=True, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            rows = await _fill(connection, plan)
            keys = await ensure_keys(connection, plan.keys_file) if plan.keys_file else None
    finally:
        await engine.dispose()
    return LoadReport(rows, new_keys=_keep(plan.keys_file, keys))


async def _fill(connection: AsyncConnection, plan: LoadPlan) -> dict[str, int]:
    if await is_seeded(connection):
        if plan.if_empty:
            return {}
        raise AlreadySeeded("the database is already seeded: nothing was loaded; give --if-empty to leave it at that")
    catalogue = read_catalogue(plan.data)
    if plan.size is None:
        return await load_world(connection, real_world(catalogue), about={"catalogue_only": True})
    scenario = generate(catalogue, plan.size, plan.seed, plan.as_of)
    about = {"size": plan.size.value, "seed": plan.seed, "as_of": plan.as_of.isoformat()}
    return await load_world(connection, scenario.world, about=about)


def _keep(file: Path | None, keys: dict[str, DemoKey] | None) -> bool:
    if file is None or keys is None:
        return False
    write_keys(file, keys)
    return True
