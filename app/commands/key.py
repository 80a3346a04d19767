"""`creneau key`: who can sign in."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.commands.session import as_owner
from app.identity.issuing import issue_key
from app.identity.keys import NewKey
from app.identity.models import Organisation, Role

EXAMPLE = 'creneau key --organisation "National coordinator" --role coordinator --person "A. Martin" --email a@b.fr'


def key(
    organisation: Annotated[str, typer.Option(help="Name of the organisation; made if it is missing.")],
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    person: Annotated[str, typer.Option(help="Name of the person who will hold the key.")],
    email: Annotated[str, typer.Option(help="Address that tells this person from others.")],
) -> None:
    """Give a person an API key, and print it: it is shown this once, and only its hash is stored.

    Runs under DATABASE_OWNER_URL. Whoever holds the key acts for the organisation, in the role.
    """

    async def issue(session: AsyncSession) -> tuple[NewKey, Organisation]:
        return await issue_key(session, organisation=organisation, role=role, person=person, email=email)

    made, owner = as_owner(issue)
    typer.echo(f"{person} acts for {owner.name} ({owner.id}) as {role.value}, with this key:", err=True)
    typer.echo(made.plain)
