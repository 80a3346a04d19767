"""What is answered about the sector as a whole."""

from datetime import date, datetime

from pydantic import BaseModel, Field, computed_field

from app.core.vocabulary import Reserve
from app.indicators.rules import LEAST_ORGANISATIONS

KEPT_BACK = "Null: kept back, for it is of fewer than five organisations, or such a figure would follow from it"


def _percent(part: int | None, whole: int | None) -> int | None:
    return round(100 * part / whole) if part is not None and whole else None


class CapacityFigures(BaseModel):
    """Capacity of a quarter for one modality and reserve."""

    modality: str = Field(description="`several`: of lines that make more than one; each day counts once")
    reserve: Reserve
    published_days: int | None = Field(description=f"Days of units in published slots. {KEPT_BACK}")
    booked_days: int | None = Field(description=f"Of these, days that were booked. {KEPT_BACK}")

    @computed_field(description="Booked of published days; null where either is, or nothing was published")
    def utilisation_percent(self) -> int | None:
        """Booked of published days."""
        return _percent(self.booked_days, self.published_days)


class RequestFigures(BaseModel):
    """Requests that were submitted in a quarter, for one modality, and what has become of them by the edition."""

    modality: str
    submitted: int | None = Field(description=KEPT_BACK)
    placed: int | None = Field(description=f"They have a place, or had it and it is fulfilled. {KEPT_BACK}")
    unmet: int | None = Field(description=KEPT_BACK)
    median_access_weeks: int | None = Field(
        description=f"From submission to the booking, of those placed: median in whole weeks. {KEPT_BACK}"
    )


class AgreementFigures(BaseModel):
    """Whether the agreements on one reserve were kept in a quarter."""

    reserve: Reserve
    promised_batch_days: int | None = Field(description=KEPT_BACK)
    published_batch_days: int | None = Field(
        description=f"Of what was promised; more than that in one agreement makes up for no other. {KEPT_BACK}"
    )

    @computed_field(description="Published of promised batch-days; null where either is")
    def compliance_percent(self) -> int | None:
        """Published of promised batch-days."""
        return _percent(self.published_batch_days, self.promised_batch_days)


class Figures(BaseModel):
    """The figures of one quarter and place."""

    capacity: list[CapacityFigures]
    requests: list[RequestFigures]
    agreements: list[AgreementFigures] = Field(description="Of the nation alone: few agreements are of one region")


class RegionFigures(Figures):
    """The figures of one quarter in one region."""

    region: str = Field(description="Of the site, or of the start-up; `unknown` where a start-up has not said it")


class Edition(BaseModel):
    """The figures of one calendar quarter, made once after its end; they never change."""

    start: date = Field(description="First day of the quarter")
    end: date = Field(description="Day after its last one")
    made_at: datetime = Field(description="As of when the figures are")
    includes_scenario: bool = Field(description="Some of it was generated for a demonstration, and is no fact")
    nation: Figures
    regions: list[RegionFigures] = Field(
        description="For an observer that of its region, for the coordinator and the authority all; else empty"
    )


class Indicators(BaseModel):
    """The sector's figures, the newest quarter first."""

    as_of_on: date | None = Field(description="Day on which the newest edition was made; null before the first one")
    least_organisations: int = Field(
        default=LEAST_ORGANISATIONS, description="No figure is told in which fewer organisations have a share, but zero"
    )
    editions: list[Edition]
