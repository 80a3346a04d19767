"""Tables of slots, commitments, agreements and their days, freezes, openings, and the version of a unit's calendar.

No two published slots of a unit overlap, and none overlaps a commitment. `uuidrange` makes the unit an argument
of a GiST exclusion without an extension; the migration that creates the tables creates the type.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    Uuid,
    column,
    literal_column,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import INT4RANGE, ExcludeConstraint, Range
from sqlmodel import Field, SQLModel
from sqlmodel._compat import SQLModelConfig

from app.core.model import Period, Table, Versioned, days, instant, metadata, new_id, one_of, real_period
from app.core.vocabulary import Origin, Reserve


class SlotStatus(StrEnum):
    """Only a published slot can be booked."""

    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Approval(StrEnum):
    """Whether a booking is confirmed at once, or by the CDMO."""

    INSTANT = "instant"
    BY_CDMO = "by_cdmo"


class CommitmentKind(StrEnum):
    """Why a unit is busy, as far as its CDMO tells."""

    SOLD_ELSEWHERE = "sold_elsewhere"
    MAINTENANCE = "maintenance"
    MEDIA_FILL = "media_fill"
    SHUTDOWN = "shutdown"
    OTHER = "other"


class FreezeHolder(StrEnum):
    """What holds a slot still: a round from closing to publication, a crisis from the request of a plan to activation.

    While the plan of a crisis is made, it is its run that holds.
    """

    ROUND = "round"
    CRISIS = "crisis"


class OpeningCause(StrEnum):
    """How a slot, or a period of it, came to be for booking."""

    PUBLISHED = "published"
    EXTENDED = "extended"
    RECLASSIFIED = "reclassified"
    LENT = "lent"
    RELEASED = "released"
    FREED = "freed"


class Agreement(Versioned, table=True):
    """A funded promise of capacity for one reserve, in batch-days a quarter, with capped prices."""

    __tablename__ = "agreements"
    __table_args__ = (
        real_period(),
        CheckConstraint("batch_days_per_quarter > 0", name="batch_days_per_quarter"),
        CheckConstraint("capped_price_cents >= 0", name="capped_price_cents"),
        CheckConstraint("readiness_fee_cents >= 0", name="readiness_fee_cents"),
        CheckConstraint("recoverable_within_days >= 0", name="recoverable_within_days"),
        CheckConstraint(
            "(readiness_fee_cents <= 0 OR funder_id IS NOT NULL) AND funder_id IS DISTINCT FROM organisation_id",
            name="funder",
        ),
        Index("ix_agreements_organisation_id", "organisation_id"),
    )

    organisation_id: UUID = Field(foreign_key="organisations.id", description="the CDMO that promises")
    funder: str = Field(max_length=200)
    funder_id: UUID | None = Field(default=None, foreign_key="organisations.id", description="who owes the fee")
    reserve: Reserve = one_of(Reserve)
    line_id: UUID | None = Field(default=None, foreign_key="production_lines.id")
    modality: str | None = Field(default=None, foreign_key="modalities.code", max_length=40)
    period: Period = days()
    batch_days_per_quarter: int
    readiness_fee_cents: int = Field(default=0, sa_type=BigInteger, description="for each calendar quarter")
    capped_price_cents: int | None = Field(default=None, sa_type=BigInteger)
    recoverable_within_days: int = 0
    origin: Origin = one_of(Origin, default=Origin.REAL)


AGREEMENT_CAPS = table(
    "agreement_caps", column("id", Uuid), column("capped_price_cents", BigInteger), column("origin", Text)
)
"""A view of agreements: what those who buy are told of them, and no fee."""


class ReadinessDay(SQLModel, table=True):
    """What was published of an agreement for one day, as it stood on that day; rows are only ever added.

    The days of an agreement follow each other without a gap, from the first that counts towards its readiness fee.
    """

    __tablename__ = "readiness_days"
    metadata = metadata
    __table_args__ = (
        CheckConstraint("published_batch_days >= 0", name="published_batch_days"),
        Index("ix_readiness_days_day", "day"),
    )

    agreement_id: UUID = Field(primary_key=True, foreign_key="agreements.id")
    day: date = Field(primary_key=True)
    published_batch_days: int


class Slot(Versioned, table=True):
    """A period on one unit that its CDMO publishes for booking.

    `releases_on`: from that day an unbooked start-up slot counts as open. `price_cents` overrides the line's
    price of a batch. A divisible slot takes several bookings, another is taken whole.
    """

    __tablename__ = "slots"
    __table_args__ = (
        real_period(),
        UniqueConstraint("id", "unit_id"),
        CheckConstraint("price_cents >= 0", name="price_cents"),
        CheckConstraint("recall_notice_days >= 0", name="recall_notice_days"),
        CheckConstraint("max_lent_days > 0", name="max_lent_days"),
        CheckConstraint("releases_on IS NULL OR reserve = 'startup'", name="releases_on_startup"),
        CheckConstraint("NOT lendable OR reserve = 'crisis'", name="lendable_crisis"),
        ExcludeConstraint(
            (literal_column("uuidrange(unit_id, unit_id, '[]')"), "&&"),
            (literal_column("period"), "&&"),
            name="ex_slots_published_overlap",
            using="gist",
            where=text("status = 'published'"),
            deferrable=True,
            initially="IMMEDIATE",
        ),
        Index(
            "ix_slots_published_period",
            "period",
            postgresql_using="gist",
            postgresql_include=["unit_id", "id", "divisible", "reserve", "releases_on"],
            postgresql_where=text("status = 'published'"),
        ),
        Index("ix_slots_published_start", text("lower(period)"), "id", postgresql_where=text("status = 'published'")),
        Index("ix_slots_unit_start", "unit_id", text("lower(period)"), "id"),
        Index(
            "ix_slots_releases_on",
            "releases_on",
            postgresql_where=text("status = 'published' AND releases_on IS NOT NULL"),
        ),
    )

    unit_id: UUID = Field(foreign_key="units.id")
    period: Period = days()
    reserve: Reserve = one_of(Reserve, default=Reserve.OPEN)
    status: SlotStatus = one_of(SlotStatus, default=SlotStatus.PUBLISHED)
    releases_on: date | None = None
    lendable: bool = False
    recall_notice_days: int | None = None
    max_lent_days: int | None = None
    divisible: bool = True
    approval: Approval = one_of(Approval, default=Approval.BY_CDMO)
    price_cents: int | None = Field(default=None, sa_type=BigInteger)
    agreement_id: UUID | None = Field(default=None, foreign_key="agreements.id")
    origin: Origin = one_of(Origin, default=Origin.REAL)


SEEN_SLOTS = Slot.__table__.to_metadata(MetaData(), name="seen_slots").alias("slots")  # type: ignore[attr-defined]
"""A view of the slots that the acting organisation may see.

Row-level security would show the same, but PostgreSQL trusts no condition on periods to be looked at before it: none
could use an index.
"""


class Commitment(Versioned, table=True):
    """An anonymous busy period of a unit: nobody learns whose work it is."""

    __tablename__ = "commitments"
    __table_args__ = (real_period(), Index("ix_commitments_unit_id", "unit_id"))

    unit_id: UUID = Field(foreign_key="units.id")
    period: Period = days()
    kind: CommitmentKind = one_of(CommitmentKind, default=CommitmentKind.OTHER)
    note: str | None = Field(default=None, max_length=400)
    origin: Origin = one_of(Origin, default=Origin.REAL)


class CalendarEntry(SQLModel, table=True):
    """Shadow of every published slot and every commitment, kept by triggers, so that one constraint sees both.

    `side` is [0,1) for a slot and [1,2) for a commitment. Two sides are adjacent exactly when they differ: the
    constraint refuses a slot over a commitment, and leaves commitments free to overlap each other.
    """

    __tablename__ = "calendar_entries"
    metadata = metadata
    model_config = SQLModelConfig(arbitrary_types_allowed=True)
    __table_args__ = (
        ExcludeConstraint(
            (literal_column("uuidrange(unit_id, unit_id, '[]')"), "&&"),
            (literal_column("period"), "&&"),
            (literal_column("side"), "-|-"),
            name="ex_calendar_entries_slot_commitment",
            using="gist",
            deferrable=True,
            initially="IMMEDIATE",
        ),
    )

    entry_id: UUID = Field(primary_key=True, sa_type=Uuid)
    unit_id: UUID = Field(foreign_key="units.id")
    period: Period = days()
    side: Range[int] = Field(sa_type=INT4RANGE, nullable=False)


class SlotFreeze(Table, table=True):
    """A slot held still for a round or a crisis: nobody else books it meanwhile, so that the plan stays true."""

    __tablename__ = "slot_freezes"
    __table_args__ = (
        UniqueConstraint("slot_id", "holder_id"),
        Index("ix_slot_freezes_holder_id", "holder_id"),
    )

    slot_id: UUID = Field(foreign_key="slots.id")
    holder: FreezeHolder = one_of(FreezeHolder)
    holder_id: UUID = Field(sa_type=Uuid)


class SlotOpening(Table, table=True):
    """A slot, or a period of it, came to be for booking: written by triggers in the transaction of the change.

    `period` is what opened, where that is not the whole slot. A release is a matter of the calendar, and is noted once
    it is due. `evaluated_at` is null until all alerts have been held against it.
    """

    __tablename__ = "slot_openings"
    __table_args__ = (
        real_period(),
        CheckConstraint("(cause = 'released') = (released_on IS NOT NULL)", name="released_on"),
        UniqueConstraint("slot_id", "released_on"),
        Index("ix_slot_openings_pending", "slot_id", postgresql_where=text("evaluated_at IS NULL")),
    )

    id: UUID = Field(
        default_factory=new_id,
        primary_key=True,
        sa_type=Uuid,
        sa_column_kwargs={"server_default": text("gen_random_uuid()")},
    )
    slot_id: UUID = Field(foreign_key="slots.id")
    cause: OpeningCause = one_of(OpeningCause)
    period: Period | None = days(nullable=True)
    released_on: date | None = None
    evaluated_at: datetime | None = instant()


class CalendarVersion(SQLModel, table=True):
    """How often a unit's calendar has changed; triggers on slots, commitments and bookings raise it.

    A plan stores the versions it was made from: it is out of date exactly when one of them has risen.
    """

    __tablename__ = "calendar_versions"
    metadata = metadata

    unit_id: UUID = Field(primary_key=True, foreign_key="units.id")
    version: int = Field(default=0, sa_type=BigInteger, nullable=False)
