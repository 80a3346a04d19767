"""The plans that the server makes for the statements of the service."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import ClauseElement, Executable, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.sql.compiler import SQLCompiler

from app.core.driver import Prepared, driver_of


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


async def analyze(owner: AsyncEngine) -> None:
    """Let the server count the rows there are, as it does by itself in the long run."""
    await _by_itself(owner, "ANALYZE")


async def settle(owner: AsyncEngine) -> None:
    """Have the server do all that it does by itself in the long run, so that no plan depends on how far it has got."""
    await _by_itself(owner, "VACUUM ANALYZE")


async def _by_itself(owner: AsyncEngine, statement: str) -> None:
    async with owner.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).exec_driver_sql(statement)
