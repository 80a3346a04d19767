"""What is sent and answered about crises and their powers; see `plan_schemas` and `order_schemas` for the rest."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, Field

from app.core.paging import PageQuery
from app.core.schemas import Body, Code, Day, Name, NotNull, PeriodBody
from app.crisis.declaration import Countermeasure, CrisisRules, CrisisScope, CrisisTarget
from app.crisis.models import (
    CrisisMode,
    CrisisStatus,
    PowerKind,
)
from app.crisis.profiles import DeclaredCountermeasure

AS_OF = AliasChoices("as_of_on", "as_of")
"""The second name is accepted as well."""


class PowerBody(PeriodBody):
    """One power behind a crisis, with the act it rests on, in force over [start, end)."""

    kind: PowerKind
    act_reference: Name
    signatory: Name
    scope: CrisisScope = Field(
        default=CrisisScope(), description="Lines that the act lets be called upon; an empty list leaves a side open"
    )


MOST_POWERS = 20
Powers = Annotated[list[PowerBody], Field(min_length=1, max_length=MOST_POWERS)]
Targets = Annotated[list[CrisisTarget], Field(min_length=1, max_length=50)]


class CrisisCreate(PeriodBody):
    """A declaration, valid over [start, end)."""

    title: Name
    mode: CrisisMode
    scenario: Code | None = Field(default=None, description="What a drill plays; drills of one scenario are compared")
    as_of_on: Day | None = Field(
        default=None, validation_alias=AS_OF, description="The day that the plan reasons from; today if left out"
    )
    powers: Powers
    scope: CrisisScope = CrisisScope()
    countermeasure: DeclaredCountermeasure
    targets: Targets
    rules: CrisisRules = CrisisRules()


class CrisisUpdate(Body):
    """What may change of a crisis while it is only declared; what is left out stays."""

    title: Annotated[Name | None, NotNull] = None
    start: Annotated[Day | None, NotNull] = None
    end: Annotated[Day | None, NotNull] = None
    as_of_on: Annotated[Day | None, NotNull] = Field(default=None, validation_alias=AS_OF)
    powers: Annotated[Powers | None, NotNull] = None
    scope: Annotated[CrisisScope | None, NotNull] = None
    countermeasure: Annotated[DeclaredCountermeasure | None, NotNull] = None
    targets: Annotated[Targets | None, NotNull] = None
    rules: Annotated[CrisisRules | None, NotNull] = None


class RenewCommand(Body):
    """A later end of a crisis, and the acts that allow it: new ones, or renewed ones by their kind and reference."""

    end: Day = Field(description="Day after the last one of the validity as renewed")
    powers: list[PowerBody] = Field(
        default=[], max_length=MOST_POWERS, description="None where those that it has are in force until then"
    )


class StandDownCommand(Body):
    """Why a crisis ends, coded."""

    reason_code: Literal["targets_met", "threat_over", "superseded", "declared_in_error", "exercise_over"] = (
        "threat_over"
    )


class CrisisFilter(PageQuery):
    """Filters of the list of crises."""

    status: CrisisStatus | None = None
    mode: CrisisMode | None = None


class PowerRead(BaseModel):
    """A power as it was declared."""

    kind: PowerKind
    act_reference: str
    signatory: str
    scope: CrisisScope
    start: date
    end: date


class CrisisNotice(BaseModel):
    """What a CDMO learns of the crisis behind its order, and a start-up of that behind its displacement."""

    id: UUID
    title: str
    mode: CrisisMode
    start: date
    end: date
    countermeasure: Countermeasure


class CrisisRead(CrisisNotice):
    """A crisis as the coordinator and the authority see it."""

    status: CrisisStatus
    expires_in_days: int | None = Field(description="Days of validity that are left; null once it has ended")
    scenario: str | None
    as_of_on: date
    powers: list[PowerRead]
    scope: CrisisScope
    targets: list[CrisisTarget]
    rules: CrisisRules
    ended_reason_code: str | None
    created_at: datetime
    version: int
