"""Reading the trail: whoever acted reads what they did, the coordinator reads all."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import reading_repository as repository
from app.audit.models import AuditRecord
from app.audit.personal import KEPT_APART, commitment_in
from app.audit.schemas import AuditFilter, AuditRecordRead

PEOPLE = "people"
OF_CDMOS = frozenset({"commitments", "line_modalities", "production_lines", "slots", "units"})
"""Kinds of rows that name no organisation, and that of all organisations only CDMOs write: each its own."""


async def list_records(
    session: AsyncSession, wanted: AuditFilter, organisation_id: UUID | None, *, is_cdmo: bool = False
) -> tuple[list[AuditRecordRead], str | None]:
    """Return one page of the trail, oldest first: of what an organisation did, or with None of everything.

    What an act did to another's row is told without that row's content, which may be more than who acted may read.
    """
    rows, cursor = await repository.page_records(session, wanted, organisation_id)
    kinds = OF_CDMOS if is_cdmo else frozenset()
    told = [_read(row, organisation_id, kinds) for row in rows]
    await _put_personal_values(session, told)
    return told, cursor


async def _put_personal_values(session: AsyncSession, told: Sequence[AuditRecordRead]) -> None:
    """Put what is kept apart where its commitment stands, and null where it is erased.

    Of people who have been erased, records from before values were kept apart are not told either.
    """
    states = [(one.object_type, one.object_id, state) for one in told for state in (one.before, one.after) if state]
    places = [
        (state, name, found) for _, _, state in states for name, it in state.items() if (found := commitment_in(it))
    ]
    values = await repository.personal_values(session, {found for _, _, found in places}) if places else {}
    for state, name, found in places:
        state[name] = values.get(found)
    people = {identifier for kind, identifier, _ in states if kind == PEOPLE}
    erased = await repository.erased_people(session, people) if people else set()
    for kind, identifier, state in states:
        if kind == PEOPLE and identifier in erased:
            state.update(dict.fromkeys(KEPT_APART[PEOPLE].keys() & state.keys()))


def _read(row: AuditRecord, reader_id: UUID | None, kinds: frozenset[str]) -> AuditRecordRead:
    told = AuditRecordRead.model_validate(row)
    states = [state for state in (row.before, row.after) if state is not None]
    if reader_id is None or row.object_type in kinds or all(_is_of(state, reader_id) for state in states):
        return told
    return told.model_copy(update={"before": None, "after": None, "content_hidden": True})


def _is_of(state: Mapping[str, Any], organisation_id: UUID) -> bool:
    owner = state.get("organisation_id")
    return bool(owner == str(organisation_id))
