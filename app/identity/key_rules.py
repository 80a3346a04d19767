"""What holds of keys: how long they last, and who may hold which role."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from app.identity.models import OrganisationKind, Role

LONGEST_OVERLAP_MINUTES = 7 * 24 * 60
USUAL_OVERLAP_MINUTES = 24 * 60

KIND_OF: Mapping[Role, OrganisationKind] = {
    Role.STARTUP_MEMBER: OrganisationKind.STARTUP,
    Role.CDMO_PLANNER: OrganisationKind.CDMO,
    Role.COORDINATOR: OrganisationKind.COORDINATOR,
    Role.AUTHORITY: OrganisationKind.AUTHORITY,
    Role.OBSERVER: OrganisationKind.OBSERVER,
}
"""The kind of organisation that a role belongs to; an administrator may belong to any."""


class KeyStatus(StrEnum):
    """Whether a key opens anything."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


def belongs(role: Role, kind: OrganisationKind) -> bool:
    """Tell whether a role belongs to a kind of organisation; an integrator plans its lines as a CDMO does."""
    if kind is OrganisationKind.INTEGRATOR and role is Role.CDMO_PLANNER:
        return True
    return KIND_OF.get(role, kind) is kind


def status_at(at: datetime, *, expires_at: datetime | None, revoked_at: datetime | None) -> KeyStatus:
    """Return what a key is at an instant."""
    if revoked_at is not None:
        return KeyStatus.REVOKED
    return KeyStatus.EXPIRED if expires_at is not None and expires_at <= at else KeyStatus.LIVE


def latest_end(at: datetime, longest_days: int) -> datetime | None:
    """Return the latest instant at which a key made now may expire; None where it need not, the longest being 0."""
    return at + timedelta(days=longest_days) if longest_days else None


def earliest(*ends: datetime | None) -> datetime | None:
    """Return the first of some ends; None is no end."""
    return min((end for end in ends if end is not None), default=None)


def end_of_overlap(at: datetime, minutes: int, expires_at: datetime | None) -> datetime:
    """Return when the secret before the new one ends: so many minutes from now, but never after its own expiry."""
    end = at + timedelta(minutes=minutes)
    return earliest(end, expires_at) or end
