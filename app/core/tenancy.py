"""For whom the database is asked: said with the start of every transaction, and held by row-level security.

Policies let the application's role see what is the acting organisation's, and what everybody may see. What the service
itself must look at across organisations, it does under a role of its own, `creneau_service`, taken for that stretch
alone: the policies of that role are a plain yes, which leaves every index usable, as a condition would not.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.driver import Driver, driver_of

SERVICE_ROLE = "creneau_service"
"""Owns nothing and cannot bypass policies, but they let it see and write for every organisation."""

DRILL_ROLE = "creneau_drill"
"""Owns nothing, sees what a crisis is planned from, and writes rows of drills alone: its grants and policies say so."""

_DRILL = "transaction kept to drills"


@dataclass(frozen=True, slots=True)
class Tenancy:
    """For whom the database is asked.

    Attributes
    ----------
    organisation_id, role
        Whose rows are seen, and in which role; None where nobody is signed in: then only what is public.
    holder_id
        The key or the person: to whom answers that were kept belong.
    across
        Whether all organisations' rows are seen, and may be written.
    """

    organisation_id: UUID | None = None
    role: str | None = None
    holder_id: UUID | None = None
    across: bool = False
    for_transaction: str = field(init=False, repr=False, compare=False)
    for_session: str = field(init=False, repr=False, compare=False)
    """What says so to PostgreSQL; spelt once, as it is said with every transaction."""

    def __post_init__(self) -> None:
        """Spell it out of identifiers and the name of a role: nothing that a caller has written."""
        object.__setattr__(self, "for_transaction", self._settings("LOCAL"))
        object.__setattr__(self, "for_session", self._settings("SESSION"))

    def _settings(self, extent: str) -> str:
        role = self.role or ""
        if not role.replace("_", "a").isidentifier() and role:
            raise ValueError(f"{role!r} is no role")
        values = {"organisation": self.organisation_id or "", "role": role, "holder": self.holder_id or ""}
        settings = [f"SET {extent} app.{name} = '{value}'" for name, value in values.items()]
        return "; ".join([*settings, f"SET {extent} ROLE {SERVICE_ROLE if self.across else 'NONE'}"])


NOBODY = Tenancy()
EVERYBODY = Tenancy(across=True)

_current: ContextVar[Tenancy] = ContextVar("tenancy", default=NOBODY)


def current() -> Tenancy:
    """Return for whom the database is asked here."""
    return _current.get()


def act_for(tenancy: Tenancy) -> None:
    """Ask the database for someone from here on, in this task and those that it starts.

    It holds for transactions that begin after it; one that is under way goes on as it began.
    """
    _current.set(tenancy)


@contextmanager
def acting_for(tenancy: Tenancy) -> Iterator[None]:
    """Ask the database for someone meanwhile."""
    token = _current.set(tenancy)
    try:
        yield
    finally:
        _current.reset(token)


class TenantConnection(asyncpg.Connection):  # type: ignore[misc]  # it comes without types
    """A connection that says for whom it asks, before it asks.

    Each transaction is told with its BEGIN, in the same journey to the server, and it holds until its end. A statement
    outside of any is preceded by it, unless the one before was for the same.
    """

    _told: Tenancy | None = None

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        """Run a command; the one that begins a transaction says for whom it is."""
        if query.startswith("BEGIN"):
            query = f"{query.rstrip(';')}; {current().for_transaction}"
        else:
            await self._tell()
        return await super().execute(query, *args, **options)

    async def fetch(self, *args: Any, **options: Any) -> Any:
        """Run a query and return its rows."""
        await self._tell()
        return await super().fetch(*args, **options)

    async def fetchrow(self, *args: Any, **options: Any) -> Any:
        """Run a query and return its first row."""
        await self._tell()
        return await super().fetchrow(*args, **options)

    async def fetchval(self, *args: Any, **options: Any) -> Any:
        """Run a query and return a value of its first row."""
        await self._tell()
        return await super().fetchval(*args, **options)

    async def _tell(self) -> None:
        """Say for whom the next statement is, where it is a transaction of its own."""
        if self.is_in_transaction():
            return
        tenancy = current()
        if self._told is tenancy or self._told == tenancy:
            return
        self._told = None  # should this be cut off, nobody knows which of them was said
        await super().execute(tenancy.for_session)
        self._told = tenancy


async def go_across(session: AsyncSession) -> None:
    """Let the service see and write the rows of every organisation from here on, to the end of the request.

    So it is in the transaction under way, and in those that the request begins after it. For a change that touches both
    sides, or those who wait: once what the caller has named has been found as one of those that it can see.
    """
    tenancy = replace(current(), across=True)
    driver = await driver_of(session)
    if driver.is_in_transaction() and not is_kept_to_drills(session):
        await driver.execute(f"SET LOCAL ROLE {SERVICE_ROLE}")
    act_for(tenancy)


async def keep_to_drills(session: AsyncSession) -> None:
    """Let the rest of the session's transaction write what belongs to drills, and nothing else: the database refuses.

    Nothing that is asked for later in the transaction takes this back; the next one begins as any other.
    """
    await session.flush()
    driver = await driver_of(session)
    await driver.execute(f"SET LOCAL ROLE {DRILL_ROLE}")
    session.info[_DRILL] = session.sync_session.get_transaction()


def is_kept_to_drills(session: AsyncSession) -> bool:
    """Tell whether the session's transaction writes what belongs to drills alone."""
    kept = session.info.get(_DRILL)
    return kept is not None and kept is session.sync_session.get_transaction()


@asynccontextmanager
async def across_organisations(session: AsyncSession) -> AsyncIterator[None]:
    """Let the service see and write the rows of every organisation meanwhile, in the session's transaction.

    For what an answer needs of others, never to find what a caller has named: that is looked for before.
    """
    outside = current()
    if outside.across or is_kept_to_drills(session):
        yield
        return
    await session.flush()
    driver = await driver_of(session)
    with acting_for(replace(outside, across=True)):
        if driver.is_in_transaction():
            await driver.execute(f"SET LOCAL ROLE {SERVICE_ROLE}")
        try:
            yield
        except Exception:
            await _take_back(driver)
            raise
        await session.flush()
        await _take_back(driver)


async def _take_back(driver: Driver) -> None:
    """Give up the service's role; a transaction that has failed does so when it is rolled back."""
    if driver.is_in_transaction() and not driver.is_closed():
        with suppress(asyncpg.InFailedSQLTransactionError):
            await driver.execute("SET LOCAL ROLE NONE")
