"""What a declaration says: the countermeasure, the targets, the scope, and the rules it is planned under.

Stored as JSON with the crisis, and read back through the same models. Doses are bulk dose-equivalents.
"""

from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.bookings.fees import FAILURES, FailureTerms
from app.core.schemas import Body, Code, Day, LongText, Name
from app.core.vocabulary import Basis, GmpPhase

POLICY_VERSION = "crisis/1"
MOST_DOSES = 10**10
MOST_LITRES = 1_000_000

Doses = Annotated[int, Field(ge=0, le=MOST_DOSES)]
Percent = Annotated[int, Field(ge=0, le=1_000)]
Share = Annotated[int, Field(ge=0, le=100)]
SomeDays = Annotated[int, Field(ge=0, le=3_650)]
Litres = Annotated[float, Field(gt=0, le=MOST_LITRES, allow_inf_nan=False)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class YieldBasis(StrEnum):
    """Which of the three figures of a yield a plan counts on."""

    LOW = "low"
    EXPECTED = "expected"
    HIGH = "high"


class DoseYield(Body):
    """Doses from one batch, or from one litre of it: what is feared, expected and hoped."""

    low: Doses
    expected: Doses
    high: Doses

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.expected <= self.high:
            raise ValueError("low, expected and high must not decrease")
        return self


class FigureMark(BaseModel):
    """Where a figure comes from: `sourced` with its references, `illustrative`, or `declared` with the crisis."""

    model_config = ConfigDict(extra="forbid")

    basis: Basis
    note: str
    references: list[str] = []


class CountermeasureTerms(Body):
    """How a batch of a countermeasure runs, and what it gives.

    `first_batch_days`, `cadence_days` and `release_days` stand before the line's own figures where given. At the
    prequalified sites the transfer is done and no engineering batch is due.
    """

    platform: Word | None = None
    containment: list[Code] = Field(default=[], max_length=20)
    volume_min_l: Litres | None = None
    volume_max_l: Litres | None = None
    doses_per_litre: DoseYield | None = Field(default=None, description="Of the line's working volume")
    doses_per_batch: DoseYield | None = None
    fill_cap_per_week: Doses | None = Field(default=None, description="Doses that can be filled in a week, if known")
    prequalified_site_ids: list[UUID] = Field(default=[], max_length=500)
    first_batch_days: Annotated[int, Field(gt=0, le=730)] | None = None
    cadence_days: Annotated[int, Field(gt=0, le=730)] | None = None
    release_days: SomeDays | None = None


class Countermeasure(CountermeasureTerms):
    """What is to be made, and how a batch of it runs."""

    name: Name
    modality: Code
    gmp_phase: GmpPhase
    profile: Code | None = None
    figures: dict[str, FigureMark] = Field(
        default={}, description="Where each figure comes from, by field; worked out by the service, not taken over"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.doses_per_litre is None) == (self.doses_per_batch is None):
            raise ValueError("give exactly one of doses_per_litre and doses_per_batch")
        low, high = self.volume_min_l, self.volume_max_l
        if low is not None and high is not None and low > high:
            raise ValueError(f"volume_min_l ({low:g}) must not be above volume_max_l ({high:g})")
        return self


class CrisisTarget(Body):
    """Doses wanted by a day, counted from the start of the crisis; what is delivered on the day itself counts."""

    by: Day
    quantity: Annotated[int, Field(gt=0, le=MOST_DOSES)]


class CrisisScope(Body):
    """Which lines may be called upon; an empty list leaves that side open."""

    modalities: list[Code] = Field(default=[], max_length=100, description="Lines that make one of these")
    regions: list[Place] = Field(default=[], max_length=100)
    site_ids: list[UUID] = Field(default=[], max_length=1_000)
    excluded_organisation_ids: list[UUID] = Field(
        default=[], max_length=1_000, description="CDMOs that are out of service: nothing runs there, nor moves there"
    )
    excluded_site_ids: list[UUID] = Field(default=[], max_length=1_000, description="The same of single sites")


class Turn(StrEnum):
    """What the turn of those who were displaced goes by: the lowest tier, or the earliest day or moment, first."""

    PRIORITY_TIER = "priority_tier"
    DISPLACED_AT = "displaced_at"
    START = "start"


class Contest(Body):
    """How those who give way may contest it: told in their notices, as it stands in the rules of the crisis.

    The default names the ordinary remedies of French law; counsel has yet to confirm its wording.

    Source: Code de justice administrative, articles R. 421-1, R. 421-5, L. 521-1 and L. 521-2.
    """

    contact: Name | None = Field(default=None, description="To whom the author of the act wants it written")
    within_months: int = Field(default=2, gt=0, le=12, description="Months from the notification to the judge")
    procedure_en: LongText = (
        "within two months of this notification, by an informal appeal to the authority that signed the act (recours "
        "gracieux), or before the administrative court with jurisdiction, also online at telerecours.fr (Code de "
        "justice administrative, article R. 421-1). An informal appeal made within these two months preserves the time "
        "to go to court. In urgent cases the judge of summary applications may suspend the act (articles L. 521-1 and "
        "L. 521-2)."
    )
    procedure_fr: LongText = (
        "dans les deux mois de la présente notification, par un recours gracieux adressé à l'autorité signataire de "
        "l'acte, ou devant le tribunal administratif compétent, y compris sur telerecours.fr (article R. 421-1 du code "
        "de justice administrative). Un recours gracieux formé dans ce délai de deux mois conserve le délai de recours "
        "contentieux. En cas d'urgence, le juge des référés peut suspendre l'acte (articles L. 521-1 et L. 521-2)."
    )
    to_be_confirmed: bool = Field(default=True, description="Whether counsel has yet to confirm the wording")


class Silence(StrEnum):
    """What becomes of the place of a lot that gave way, if its owner neither accepts nor declines it in time."""

    LAPSES = "lapses"
    TAKES = "takes"


class CrisisRules(Body):
    """The policy that a crisis is planned and carried out under: stored with it, and signed with the plan."""

    version: str = Field(default=POLICY_VERSION, pattern=r"^[a-z]{1,20}/[0-9]{1,6}$")
    frozen_days: SomeDays = Field(
        default=14,
        description="Nobody gives way whose lot starts sooner than this after the day on which it would; a plan leaves "
        "signing_hours and response_hours on top, for that is the day on which the CDMO accepts",
    )
    protection_days: SomeDays = Field(
        default=180, description="Nor is one that was displaced within so many days before"
    )
    minimum_doses_per_displacement: Doses = Field(
        default=1, description="What every booking moved or displaced must buy, in doses delivered by the last target"
    )
    response_hours: int = Field(
        default=48,
        gt=0,
        le=720,
        description="What a CDMO has to accept or counter an order; no campaign is planned to start before it is over",
    )
    signing_hours: int = Field(
        default=0,
        ge=0,
        le=720,
        description="What a plan leaves for its signatures and its activation, before a CDMO's time to answer begins; "
        "what is signed later may have become too late, and is planned again",
    )
    recall_notice_days: SomeDays = Field(
        default=30, description="Notice of a recallable booking whose slot names none, given with the activation"
    )
    max_delay_days: SomeDays = Field(
        default=180,
        description="A booking that could only move to a delivery later than its latest by more than this is displaced",
    )
    yield_basis: YieldBasis = YieldBasis.EXPECTED
    displaced_compensation_percent: Percent = 30
    moved_compensation_percent: Percent = 10
    recalled_compensation_percent: Percent = 0
    accepts_europe: bool = False
    weights: tuple[
        Annotated[int, Field(ge=1, le=1_000)],
        Annotated[int, Field(ge=1, le=1_000)],
        Annotated[int, Field(ge=1, le=1_000)],
    ] = Field(
        default=(20, 5, 1), description="What displacing a booking counts, by the tier of its request: 1, 2 and 3"
    )
    expiry_warning_days: SomeDays = Field(
        default=14, description="How long before its validity is over the coordinator is warned"
    )
    failures: FailureTerms = Field(
        default=FAILURES, description="What is due of an order whose campaign has failed, by where the cause lies"
    )
    restoration_hours: int = Field(
        default=72,
        gt=0,
        le=2_160,
        description="What the owner of a displaced lot has to take its place back, when the crisis has ended",
    )
    restoration_order: tuple[Turn, ...] = Field(
        default=(Turn.PRIORITY_TIER, Turn.DISPLACED_AT),
        min_length=1,
        max_length=len(Turn),
        description="By what it is decided who is offered a place back first, the earlier before the later",
    )
    restored_compensation_percent: Share = Field(
        default=25, description="Share of its compensation that is kept by who takes its place back"
    )
    reminder_hours: int = Field(
        default=12, gt=0, le=720, description="How long before its time to answer is over a CDMO is reminded"
    )
    first_refusal_hours: int = Field(
        default=120,
        gt=0,
        le=2_160,
        description="What the owner of a lot that gave way has to accept or decline its place, from that moment on",
    )
    first_refusal_reminder_hours: int = Field(
        default=48, gt=0, le=720, description="How long before that is over it is reminded, and has to answer from then"
    )
    silence: Silence = Field(
        default=Silence.LAPSES, description="What becomes of the place of an owner who does not answer in time"
    )
    contest: Contest = Contest()
