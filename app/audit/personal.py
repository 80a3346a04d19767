"""What is personal in a record stands beside it: the record, which is sealed, has a commitment to it instead.

A commitment is the SHA-256 of 32 random bytes and the value. As long as both are kept, it shows that the value is what
was written; once they are erased nobody can tell what it was, not by trying every name there is either, and the record
and its seal are what they were.
"""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Self
from uuid import UUID

from app.audit.personal_models import AuditPersonalValue

KEPT_APART: Mapping[str, Mapping[str, str]] = {
    "people": {"name": "id", "email": "id", "language": "id"},
    "api_keys": {"name": "person_id"},
    "invitations": {"name": "id", "email": "id"},
    "person_identities": {"subject": "person_id"},
    "sessions": {"device": "person_id"},
}
"""By table, the columns that are personal, each with the column that says whose it is; where that is null it is not."""

COMMITMENT = "commitment"
SALT_BYTES = 32


class Personal(str):
    """A personal text in a snapshot, which knows whose it is and where it stands."""

    __slots__ = ("organisation_id", "place", "subject_id")

    subject_id: UUID
    organisation_id: UUID | None
    place: tuple[str, str]

    @classmethod
    def of(cls, text: str, subject_id: UUID, organisation_id: UUID | None, place: tuple[str, str]) -> Self:
        """Return a text of a table and column as one of a person's."""
        made = cls(text)
        made.subject_id, made.organisation_id, made.place = subject_id, organisation_id, place
        return made


def marked(table: str, state: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot of a row in which personal texts are known as such."""
    for column, whose in KEPT_APART.get(table, {}).items():
        text, subject = state.get(column), state.get(whose)
        if text is not None and subject is not None:
            organisation = state.get("organisation_id")
            state[column] = Personal.of(
                text, UUID(subject), None if organisation is None else UUID(organisation), (table, column)
            )
    return state


def committed(*states: Mapping[str, Any] | None) -> tuple[list[dict[str, Any] | None], list[AuditPersonalValue]]:
    """Return snapshots with commitments in the place of personal texts, and the rows that keep these.

    The same text of the same person has one commitment: that it did not change can be seen in the record.
    """
    kept: dict[tuple[UUID, tuple[str, str], str], AuditPersonalValue] = {}

    def replaced(value: Any) -> Any:
        if not isinstance(value, Personal):
            return value
        key = (value.subject_id, value.place, str(value))
        if key not in kept:
            kept[key] = _committed(value)
        return {COMMITMENT: kept[key].commitment.hex()}

    told = [None if state is None else {name: replaced(value) for name, value in state.items()} for state in states]
    return told, list(kept.values())


def _committed(value: Personal) -> AuditPersonalValue:
    table, column = value.place
    salt = secrets.token_bytes(SALT_BYTES)
    return AuditPersonalValue(
        commitment=hashlib.sha256(salt + f"{table}.{column}={value}".encode()).digest(),
        subject_id=value.subject_id,
        organisation_id=value.organisation_id,
        object_type=table,
        column_name=column,
        salt=salt,
        value=str(value),
    )


def commitment_in(value: Any) -> bytes | None:
    """Return the commitment that stands in the place of a value of a record, or None if it is the value itself."""
    if isinstance(value, Mapping) and value.keys() == {COMMITMENT}:
        return bytes.fromhex(value[COMMITMENT])
    return None
