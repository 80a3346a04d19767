"""All checks, in the order in which they are told; a new one is a line here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.pool import NullPool

from app.core.constraints import UNDEFINED_TABLE, is_connection_refused, sqlstate_of
from app.core.database import DATABASE_FAILURES, make_engine, make_session_factory, transaction
from app.core.tenancy import NOBODY, acting_for
from app.doctor import issuer_checks, mail_checks, policy_checks, role_checks, running_checks, settings_checks
from app.doctor.deployment import Deployment
from app.doctor.findings import Finding, fault, warning

OfDeployment = Callable[[Deployment], Awaitable[list[Finding]]]
OfDatabase = Callable[[AsyncSession, Deployment], Awaitable[list[Finding]]]


def of_value(
    read: Callable[[Deployment], str | None], check: Callable[[str], Awaitable[list[Finding]]]
) -> OfDeployment:
    """Return the check of a setting that may be unset, and then has nothing to be looked at."""

    async def examine_value(deployment: Deployment) -> list[Finding]:
        value = read(deployment)
        return await check(value) if value else []

    return examine_value


def _smtp_url(deployment: Deployment) -> str | None:
    url = deployment.settings.smtp_url
    return None if url is None else url.get_secret_value()


def _discovered_issuer(deployment: Deployment) -> str | None:
    """Return the issuer of access tokens, unless its keys are had from an address of their own."""
    return None if deployment.settings.jwt_jwks_url else deployment.settings.jwt_issuer


OF_DATABASE: Mapping[str, OfDatabase] = {
    "server": running_checks.check_server,
    "transport": running_checks.check_transport,
    "schema": running_checks.check_schema,
    "clocks": running_checks.check_clocks,
    "role": role_checks.check_role,
    "ownership": role_checks.check_ownership,
    "append-only": role_checks.check_growing,
    "policies": policy_checks.check_openness,
    "row-level security": role_checks.check_policies,
    "drills": role_checks.check_drills,
    "worker": running_checks.check_worker,
    "jobs": running_checks.check_jobs,
    "demonstration": settings_checks.check_demonstration,
}
"""Checks that need the database, each in a transaction of its own under DATABASE_URL."""

OF_DEPLOYMENT: dict[str, OfDeployment] = {
    "two roles": role_checks.check_two_roles,
    "secrets": settings_checks.check_secrets,
    "public address": settings_checks.check_public_url,
    "ways in": settings_checks.check_ways_in,
    "limits": settings_checks.check_limits,
    "egress": settings_checks.check_egress,
    "logs": settings_checks.check_logs,
    "time service": running_checks.check_ntp,
    "disk": settings_checks.check_disk,
}
"""Checks that need no database."""

WHERE_SET: dict[str, OfDeployment] = {
    "mail server": of_value(_smtp_url, mail_checks.check_smtp),
    "sender of mail": of_value(lambda deployment: deployment.settings.mail_from, mail_checks.check_sender),
    "issuer of identities": of_value(
        lambda deployment: deployment.settings.oidc_issuer, partial(issuer_checks.check_issuer, "OIDC_ISSUER")
    ),
    "issuer of tokens": of_value(_discovered_issuer, partial(issuer_checks.check_issuer, "JWT_ISSUER")),
    "keys of tokens": of_value(
        lambda deployment: deployment.settings.jwt_jwks_url, partial(issuer_checks.check_keys, "JWT_JWKS_URL")
    ),
}
"""Checks of what may be unset, and then has nothing to be said of."""


class Result(NamedTuple):
    """A finding, with the name of the check that made it."""

    check: str
    finding: Finding


async def examine(
    deployment: Deployment,
    of_database: Mapping[str, OfDatabase] = OF_DATABASE,
    of_deployment: Mapping[str, OfDeployment] = OF_DEPLOYMENT | WHERE_SET,
) -> list[Result]:
    """Return all findings on a deployment; every connection that it needed is closed."""
    found = await _of_database(deployment, of_database)
    for name, check in of_deployment.items():
        found += [Result(name, one) for one in await check(deployment)]
    return found


async def _of_database(deployment: Deployment, checks: Mapping[str, OfDatabase]) -> list[Result]:
    url = deployment.settings.database_url
    if url is None:
        advice = "Set DATABASE_URL; `creneau up` has a database of its own, and prints its address."
        return [Result("database", fault("DATABASE_URL is not set.", advice))]
    engine = make_engine(url, deployment.settings, application_name="creneau-doctor", poolclass=NullPool)
    try:
        with acting_for(NOBODY):  # under the role that is looked at
            if (away := await _away(engine, len(checks))) is not None:
                return [Result("database", away)]
            return [
                Result(name, one)
                for name, check in checks.items()
                for one in await _in_transaction(engine, check, deployment)
            ]
    finally:
        await engine.dispose()


async def _away(engine: AsyncEngine, checks: int) -> Finding | None:
    """Return that the database does not answer and how much could not be looked at, or None if it does."""
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("SELECT 1")
    except DATABASE_FAILURES as error:
        shown = engine.url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
        fact = f"The database {shown} cannot be reached ({_reason(error)}); {checks} checks could not be made."
        return fault(fact, "Start that server, or correct DATABASE_URL.")
    return None


async def _in_transaction(engine: AsyncEngine, check: OfDatabase, deployment: Deployment) -> list[Finding]:
    """Make a check; what the database refuses it is a finding too."""
    try:
        async with transaction(make_session_factory(engine)) as session:
            return await check(session, deployment)
    except DATABASE_FAILURES as error:
        if isinstance(error, DBAPIError) and sqlstate_of(error) == UNDEFINED_TABLE:
            return [warning("Not checked: a table is missing.", "Run `creneau migrate`, and look again.")]
        return [fault(f"Not checked: {_reason(error)}.", "Look again; if it stays so, see the log of PostgreSQL.")]


def _reason(error: BaseException) -> str:
    """Return why, without the words of the server, which may tell values."""
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    if isinstance(error, DBAPIError) and (code := sqlstate_of(error)):
        return f"it refuses the connection, {code}" if is_connection_refused(code) else f"SQLSTATE {code}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    sqlstate = getattr(error, "sqlstate", None)
    return f"it refuses the connection, {sqlstate}" if sqlstate else type(error).__name__
