"""Table of the clients of the issuer of access tokens: for whom each acts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from app.core.model import Versioned, instant, one_of
from app.identity.models import Role


class TokenClient(Versioned, table=True):
    """A client of an issuer, whose tokens act for one organisation until it is revoked.

    A token names its client and its subject, and both must be these: without a person behind it they are one and the
    same, or the issuer's name for the client's own account. So no token that a client has got for somebody else acts.
    """

    __tablename__ = "token_clients"
    __table_args__ = (
        Index(
            "uq_token_clients_live",
            "issuer",
            "client_id",
            "subject",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
        CheckConstraint("scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) BETWEEN 1 AND 2", name="scopes"),
        CheckConstraint("'' NOT IN (issuer, client_id, subject)", name="named"),
        Index("ix_token_clients_organisation_id", "organisation_id", "id"),
    )

    organisation_id: UUID = Field(foreign_key="organisations.id")
    issuer: str = Field(max_length=400)
    client_id: str = Field(max_length=255)
    subject: str = Field(max_length=255)
    name: str = Field(max_length=120)
    role: Role = one_of(Role)
    scopes: list[str] = Field(sa_type=ARRAY(Text), nullable=False)
    revoked_at: datetime | None = instant()
