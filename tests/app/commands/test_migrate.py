"""`creneau migrate`: the role that owns nothing, and the schema, from an empty database."""

import asyncio
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from app.commands.failure import CommandFailed
from app.commands.migrate import ensure_roles, migrate_database
from app.core.embedded import EmbeddedPostgres
from app.core.health import expected_revision

pytestmark = pytest.mark.database


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of the test's own: roles belong to the whole server."""
    with EmbeddedPostgres(tmp_path, max_connections=30, durable=False) as running:
        yield running


def ask(url: str, *statements: str) -> object:
    """Run statements and return the first value of what the last one answers, if anything."""

    async def run() -> object:
        engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                results = [await connection.execute(text(statement)) for statement in statements]
                return results[-1].scalar() if results[-1].returns_rows else None
        finally:
            await engine.dispose()

    return asyncio.run(run())


def urls(server: EmbeddedPostgres) -> tuple[URL, URL]:
    return make_url(server.owner_url), make_url(server.app_url())


def test_an_empty_database_gets_the_present_schema_and_again_nothing_changes(server: EmbeddedPostgres) -> None:
    for _round in range(2):
        migrate_database(SecretStr(server.owner_url), SecretStr(server.app_url()))
        assert ask(server.app_url(), "SELECT current_user") == "creneau_app"
        assert ask(server.owner_url, "SELECT version_num FROM alembic_version") == expected_revision()


def test_the_applications_role_owns_nothing_and_may_nothing(server: EmbeddedPostgres) -> None:
    migrate_database(SecretStr(server.owner_url), SecretStr(server.app_url()))
    assert ask(
        server.superuser_url,
        "SELECT rolcanlogin AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls)"
        "  FROM pg_roles WHERE rolname = 'creneau_app'",
    )
    assert (
        ask(
            server.owner_url,
            "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = 'creneau_app')",
        )
        == 0
    )


def test_a_password_in_the_applications_address_is_given_to_its_role(server: EmbeddedPostgres) -> None:
    owner, application = urls(server)
    asyncio.run(ensure_roles(owner, application.set(password="it's 100% 'sûr'")))
    assert ask(
        server.superuser_url,
        "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'creneau_app'",
    )


def test_the_password_of_another_role_is_not(server: EmbeddedPostgres) -> None:
    owner, _ = urls(server)
    asyncio.run(ensure_roles(owner, owner.set(password="the owner's")))
    assert ask(server.superuser_url, "SELECT rolpassword FROM pg_authid WHERE rolname = 'creneau_app'") is None


def test_one_role_is_made_when_several_migrate_at_once(server: EmbeddedPostgres) -> None:
    owner, application = urls(server)

    async def race() -> None:
        await asyncio.gather(*(ensure_roles(owner, application) for _ in range(12)))

    asyncio.run(race())
    assert ask(server.superuser_url, "SELECT count(*) FROM pg_roles WHERE rolname = 'creneau_app'") == 1


def test_an_owner_that_may_not_make_roles_says_what_to_do(server: EmbeddedPostgres) -> None:
    name = f"modest_{uuid.uuid4().hex}"
    ask(server.superuser_url, f"CREATE ROLE {name} LOGIN")
    modest = make_url(server.url(user=name))
    with pytest.raises(CommandFailed, match=rf"{name} may not make the roles of the service") as refused:
        asyncio.run(ensure_roles(modest, make_url(server.app_url())))
    said = re.search("have an administrator run  (.*)  and migrate again", str(refused.value))
    assert said is not None
    ask(server.superuser_url, *said[1].split("; "))
    asyncio.run(ensure_roles(modest, make_url(server.app_url())))
    assert ask(server.superuser_url, "SELECT pg_has_role('creneau_app', 'creneau_service', 'MEMBER')") is True
    assert ask(server.superuser_url, "SELECT pg_has_role('creneau_app', 'creneau_service', 'USAGE')") is False


def test_a_grant_by_somebody_else_that_voids_policies_is_said(server: EmbeddedPostgres) -> None:
    urls_of = make_url(server.owner_url), make_url(server.app_url())
    asyncio.run(ensure_roles(*urls_of))
    ask(server.superuser_url, "GRANT creneau_service TO creneau_app WITH INHERIT TRUE")
    with pytest.raises(CommandFailed, match="REVOKE creneau_service FROM creneau_app GRANTED BY postgres"):
        asyncio.run(ensure_roles(*urls_of))
    ask(server.superuser_url, "REVOKE creneau_service FROM creneau_app GRANTED BY postgres")
    asyncio.run(ensure_roles(*urls_of))


def test_a_role_that_was_made_to_inherit_is_kept_from_it(server: EmbeddedPostgres) -> None:
    ask(server.superuser_url, "CREATE ROLE creneau_app LOGIN INHERIT")
    asyncio.run(ensure_roles(make_url(server.owner_url), make_url(server.app_url())))
    assert ask(server.superuser_url, "SELECT pg_has_role('creneau_app', 'creneau_service', 'USAGE')") is False


def test_a_server_that_is_gone_is_said(server: EmbeddedPostgres) -> None:
    owner, application = SecretStr(server.owner_url), SecretStr(server.app_url())
    server.stop()
    with pytest.raises(CommandFailed, match="cannot be reached"):
        migrate_database(owner, application)
