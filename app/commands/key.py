"""`creneau key`: who can sign in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from app.commands.checks import ensure_reachable
from app.commands.failure import CommandFailed, read_settings
from app.core.database import make_engine, make_session_factory, transaction
from app.core.errors import DomainError
from app.core.settings import Settings
from app.identity.issuing import issue_key
from app.identity.keys import NewKey
from app.identity.models import Organisation, Role

EXAMPLE = 'creneau key --organisation "National coordinator" --role coordinator --person "A. Martin" --email a@b.fr'

Done = TypeVar("Done")


def key(
    organisation: Annotated[str, typer.Option(help="Name of the organisation; made if it is missing.")],
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    person: Annotated[str, typer.Option(help="Name of the person who will hold the key.")],
    email: Annotated[str, typer.Option(help="Address that tells this person from others.")],
) -> None:
    """Give a person an API key, and print it: it is shown this once, and only its hash is stored.

    Runs under DATABASE_OWNER_URL. Whoever holds the key acts for the organisation, in the role.
    """
    settings = read_settings()
    if settings.database_owner_url is None:
        raise CommandFailed("DATABASE_OWNER_URL is not set: name the database and the role that owns its schema")
    ensure_reachable("DATABASE_OWNER_URL", settings.database_owner_url.get_secret_value())

    async def issue(session: AsyncSession) -> tuple[NewKey, Organisation]:
        return await issue_key(session, organisation=organisation, role=role, person=person, email=email)

    try:
        made, owner = asyncio.run(_in_transaction(settings, settings.database_owner_url, issue))
    except DomainError as refusal:
        raise CommandFailed(refusal.detail) from refusal
    typer.echo(f"{person} acts for {owner.name} ({owner.id}) as {role.value}, with this key:", err=True)
    typer.echo(made.plain)


async def _in_transaction(settings: Settings, url: SecretStr, act: Callable[[AsyncSession], Awaitable[Done]]) -> Done:
    engine = make_engine(url, settings, application_name="creneau-key", poolclass=NullPool)
    try:
        async with transaction(make_session_factory(engine)) as session:
            return await act(session)
    finally:
        await engine.dispose()
