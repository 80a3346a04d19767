"""Valid rows of how people come in: a part of the specimens."""

from datetime import UTC, datetime

from sqlmodel import SQLModel

from app.core.vocabulary import Language
from app.identity.models import Person, Role
from app.identity.sign_in_models import (
    Invitation,
    PersonIdentity,
    PersonSession,
    SignInAttempt,
    SignInLink,
    SignInMethod,
)

INSTANT = datetime(2030, 1, 1, tzinfo=UTC)


def ways_in(person: Person) -> list[SQLModel]:
    """Return a row of each table of how people come in."""
    identity = PersonIdentity(person_id=person.id, issuer="https://issuer.example.org", subject="1")
    invitation = Invitation(
        organisation_id=person.organisation_id,
        invited_by_id=person.id,
        email="q@example.org",
        name="Q",
        role=Role.COORDINATOR,
        expires_at=INSTANT,
        accepted_at=INSTANT,
        person_id=person.id,
    )
    link = SignInLink(
        email="q@example.org",
        invitation_id=invitation.id,
        language=Language.EN,
        secret_sha256=b"3" * 32,
        expires_at=INSTANT,
        used_at=INSTANT,
    )
    attempt = SignInAttempt(secret_sha256=b"4" * 32, expires_at=INSTANT)
    session = PersonSession(
        person_id=person.id,
        secret_sha256=b"5" * 32,
        method=SignInMethod.LINK,
        device="Firefox",
        last_seen_at=INSTANT,
        expires_at=INSTANT,
    )
    return [identity, invitation, link, attempt, session]
