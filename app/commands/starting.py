"""What `serve` and `worker` make sure of before they start: that what the service promises can hold."""

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.commands.failure import CommandFailed
from app.commands.session import as_application
from app.core.health import schema_fault
from app.core.settings import Settings
from app.doctor import repository
from app.doctor.role_checks import ANOTHER_ROLE, above_policies
from app.doctor.settings_checks import known_secrets


def ensure_fit_to_start(settings: Settings) -> None:
    """Make sure that no secret is one of the examples', and that the database keeps its promises to the role.

    Under `creneau up`, on one machine for one person, secrets and roles are that person's affair. A role that owns the
    schema may serve, since there may be no other to be had: it is told of, here and by `creneau doctor`.

    Raises
    ------
    CommandFailed
        A secret is known, the role stands above rights and policies, or the schema is another; and as for
        `as_application`.
    """
    if not settings.creneau_local and (known := known_secrets(settings)):
        raise CommandFailed(
            f"{' and '.join(known)} stands in examples that everybody can read: make another with"
            "  openssl rand -hex 24. `creneau doctor` tells what else to look at"
        )
    if owned := as_application(settings, lambda session: _owned_by_role(session, settings)):
        typer.echo(
            f"creneau: the role of DATABASE_URL owns {owned} things of the schema, and could change it: see"
            " `creneau doctor`",
            err=True,
        )


async def _owned_by_role(session: AsyncSession, settings: Settings) -> int:
    """Return how many things of ours the role owns, if it may serve and the schema is the expected one.

    Raises
    ------
    CommandFailed
        It may not, or the schema is another.
    """
    if fault := await schema_fault(session):
        raise CommandFailed(fault)
    if settings.creneau_local:
        return 0
    if reason := above_policies(await repository.standing(session)):
        raise CommandFailed(f"{reason}. {ANOTHER_ROLE}")
    return len(await repository.owned(session))
