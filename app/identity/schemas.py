"""What is sent and answered about organisations."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.paging import PageQuery
from app.core.schemas import Body, Name
from app.core.vocabulary import Confidence, Origin
from app.identity.models import OrganisationKind, SizeClass


class LabelRead(BaseModel):
    """A label with its issuer, validity and evidence."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    issuer: str
    valid_from_on: date | None
    valid_to_on: date | None
    evidence: str | None


class OrganisationRead(BaseModel):
    """An organisation as everybody may see it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: OrganisationKind
    name: str
    city: str | None
    region: str | None
    country: str
    size_class: SizeClass
    note: str | None
    source: str | None
    confidence: Confidence | None
    origin: Origin = Field(description="`scenario`: generated for a demonstration, not a fact")
    labels: list[LabelRead] = []
    version: int


class OrganisationCreate(Body):
    """A new organisation."""

    kind: OrganisationKind
    name: Name
    city: str | None = Field(default=None, max_length=120)
    region: str | None = Field(default=None, max_length=120)
    country: str = Field(default="FR", pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")
    size_class: SizeClass = SizeClass.UNKNOWN


class OrganisationUpdate(Body):
    """What may change of an organisation; what is left out stays."""

    city: str | None = Field(default=None, max_length=120)
    region: str | None = Field(default=None, max_length=120)
    size_class: SizeClass = SizeClass.UNKNOWN


class OrganisationFilter(PageQuery):
    """Filters of the list of organisations."""

    kind: OrganisationKind | None = None
    region: str | None = Field(default=None, max_length=120)
