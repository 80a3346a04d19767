"""Table of erasures; a trigger refuses their update and deletion, and the application may only insert."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.core.model import Table, document, one_of


class ErasureReason(StrEnum):
    """Why a person was erased, coded.

    Source: Regulation (EU) 2016/679, article 17(1), and article 5(1)(e) for the last.
    """

    ASKED_BY_PERSON = "asked_by_person"
    PURPOSE_ENDED = "purpose_ended"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    UNLAWFUL = "unlawful"
    RETENTION = "retention"


class Erasure(Table, table=True):
    """What was held of a person was erased: when, why, and how many rows by table; never what it was."""

    __tablename__ = "erasures"
    __table_args__ = (UniqueConstraint("person_id"),)

    person_id: UUID = Field(foreign_key="people.id")
    organisation_id: UUID = Field(foreign_key="organisations.id")
    reason_code: ErasureReason = one_of(ErasureReason)
    rows: dict[str, Any] = document()
