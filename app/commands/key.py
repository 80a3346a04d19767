"""`creneau key`: who can sign in."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.commands.session import as_owner
from app.identity.issuing import Issued, issue_key
from app.identity.models import Role

EXAMPLE = 'creneau key --organisation "National coordinator" --role coordinator --person "A. Martin" --email a@b.fr'


def key(
    organisation: Annotated[str, typer.Option(help="Its exact name; an organisation of a new name is made.")],
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    person: Annotated[str, typer.Option(help="Name of the person who will hold the key.")],
    email: Annotated[str, typer.Option(help="Address that tells this person from others.")],
) -> None:
    """Give a person an API key, and print it: it is shown this once, and only its hash is stored.

    Runs under DATABASE_OWNER_URL. Whoever holds the key acts for the organisation, in the role.
    """

    async def issue(session: AsyncSession) -> Issued:
        return await issue_key(session, organisation=organisation, role=role, person=person, email=email)

    issued = as_owner(issue)
    owner = issued.organisation
    if issued.is_new_organisation:
        typer.echo(f"There was no organisation of this name: {owner.name} was made, a {owner.kind.value}.", err=True)
        if issued.alike:
            typer.echo(f"Names almost like it: {'; '.join(issued.alike)}.", err=True)
    found = "the new organisation " if issued.is_new_organisation else ""
    typer.echo(f"{person} acts for {found}{owner.name} ({owner.id}) as {role.value}, with this key:", err=True)
    typer.echo(issued.key.plain)
