"""Who may give a role to whom, and what becomes of a role when somebody leaves it."""

from datetime import datetime
from enum import StrEnum

from app.identity.key_rules import belongs
from app.identity.models import OrganisationKind, Role

GIVEN_BY_COORDINATOR = frozenset({Role.STARTUP_MEMBER, Role.CDMO_PLANNER, Role.OBSERVER})
"""Roles that the coordinator may give in other organisations: the first people of those come in so."""

NEVER_EMPTY = frozenset({Role.COORDINATOR, Role.AUTHORITY})
"""Roles of which somebody active must be left: only they bring others in, and a crisis takes a signature of each."""


class InvitationStatus(StrEnum):
    """What an invitation is."""

    OPEN = "open"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


def may_give(giver: Role, role: Role, kind: OrganisationKind, *, own: bool) -> bool:
    """Tell whether a person in one role may bring somebody into a role, or put somebody out of it.

    One's own role within one's own organisation; an administrator any; the coordinator those of start-ups, of makers
    and of observers. The authority's people alone decide who is among them: with a signature of its own making the
    coordinator would sign for both.

    Parameters
    ----------
    kind
        Of the organisation in which the role is given.
    own
        Whether that is the giver's own.
    """
    if not belongs(role, kind) or (kind is OrganisationKind.AUTHORITY and not own):
        return False
    if giver is Role.ADMIN or (own and giver is role):
        return True
    return giver is Role.COORDINATOR and role in GIVEN_BY_COORDINATOR


def invitation_status(
    at: datetime, *, expires_at: datetime, accepted_at: datetime | None, withdrawn_at: datetime | None
) -> InvitationStatus:
    """Return what an invitation is at an instant."""
    if accepted_at is not None:
        return InvitationStatus.ACCEPTED
    if withdrawn_at is not None:
        return InvitationStatus.WITHDRAWN
    return InvitationStatus.EXPIRED if expires_at <= at else InvitationStatus.OPEN
