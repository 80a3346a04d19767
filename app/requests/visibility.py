"""Whose objects an actor may list."""

from uuid import UUID

from app.identity.actor import Actor
from app.identity.models import Role


def confined_to(actor: Actor) -> UUID | None:
    """Return the organisation to which the actor's lists are confined, or None for who sees all."""
    return None if actor.role in {Role.COORDINATOR, Role.ADMIN} else actor.organisation_id
