"""The plans that the server makes for the statements of the service."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import ClauseElement, Executable, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.sql.compiler import SQLCompiler

from app.core.driver import Prepared, driver_of

_EVERY_TABLE = text("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid >= 16384")
"""The names of all tables but the server's own: an object identifier from 16384 on is an object that a user made."""


class Explain(Executable, ClauseElement):
    """The plan that the server makes for a statement, in place of its rows."""

    inherit_cache = False

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement


@compiles(Explain)
def _compile_explain(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    return "EXPLAIN " + compiler.process(element.statement, **options)


async def plan_of(session: AsyncSession, statement: ClauseElement) -> str:
    """Return the plan of a statement."""
    return "\n".join((await session.execute(Explain(statement))).scalars().all())


async def prepared_plan(session: AsyncSession, statement: Prepared, values: Mapping[str, Any]) -> str:
    """Return the plan of a statement that goes to the driver as it is."""
    driver = await driver_of(session)
    return "\n".join(row[0] for row in await driver.fetch(f"EXPLAIN {statement.sql}", *statement.arguments(values)))


async def general_plan(session: AsyncSession, statement: Prepared) -> str:
    """Return the plan of such a statement that is made without its values: the one in use after a few runs."""
    return await generic_plan(session, statement.sql)


async def generic_plan(session: AsyncSession, sql: str) -> str:
    """Return that plan of a statement with places `$1` and on."""
    driver = await driver_of(session)
    places = ", ".join(["NULL"] * max(map(int, re.findall(r"\$(\d+)", sql))))
    await driver.execute("SET plan_cache_mode = force_generic_plan")
    await driver.execute(f"PREPARE explained AS {sql}")
    try:
        rows = await driver.fetch(f"EXPLAIN EXECUTE explained({places})")
    finally:
        await driver.execute("DEALLOCATE explained")
        await driver.execute("RESET plan_cache_mode")
    return "\n".join(row[0] for row in rows)


async def plans_of(session: AsyncSession, work: Callable[[], Awaitable[object]]) -> list[str]:
    """Do a piece of work, and return the plans of the statements that it executed."""
    seen: list[ClauseElement] = []

    def note(state: ORMExecuteState) -> None:
        assert isinstance(state.statement, ClauseElement)
        seen.append(state.statement)

    event.listen(session.sync_session, "do_orm_execute", note)
    await work()
    event.remove(session.sync_session, "do_orm_execute", note)
    return [await plan_of(session, statement) for statement in seen]


async def settle(owner: AsyncEngine) -> None:
    """Leave the tables as if nothing had ever stood in them but the rows there are, and have the server count these.

    What the tests before have left in tables and indexes would weigh in the costs, and so choose the plans.
    """
    async with owner.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in (await connection.scalars(_EVERY_TABLE)).all():
            await connection.exec_driver_sql(f"VACUUM (FULL) {table}")
            await connection.exec_driver_sql(f"VACUUM (ANALYZE) {table}")
