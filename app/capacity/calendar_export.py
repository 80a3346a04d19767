"""One's own slots and commitments as a file that can be imported again: unchanged, it changes nothing."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import IO
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity import import_repository
from app.capacity.import_schemas import CalendarFilter
from app.capacity.models import Commitment, Slot
from app.capacity.occupancy import span_of
from app.core.errors import Invalid
from app.core.sheets.formats import FileQuery
from app.core.sheets.writing import Value, write_table
from app.identity.actor import Actor
from app.identity.models import Role

SLOT_HEADER = (
    "id",
    "site",
    "line",
    "unit",
    "start",
    "end",
    "reserve",
    "status",
    "releases_on",
    "lendable",
    "recall_notice_days",
    "max_lent_days",
    "divisible",
    "approval",
    "price_eur",
    "agreement_id",
)
COMMITMENT_HEADER = ("id", "site", "line", "unit", "start", "end", "kind", "note")


async def export_slots(session: AsyncSession, actor: Actor, query: CalendarFilter) -> IO[bytes]:
    """Return a file of the actor's own slots, in any status; the caller closes it.

    Raises
    ------
    Invalid
        If `end` is not after `start`.
    TooManyRows
        If there are more than a workbook is written with.
    """
    _require(actor, query)
    return await slots_of(session, actor.organisation_id, query)


async def slots_of(session: AsyncSession, organisation_id: UUID, query: CalendarFilter) -> IO[bytes]:
    """Return a file of an organisation's slots, whoever asks; the caller closes it."""
    entries = import_repository.stream_calendar(session, Slot, query, organisation_id)
    rows = (slot_row(slot, *place) async for slot, *place in entries)
    return await _file(query, "slots", SLOT_HEADER, rows)


async def export_commitments(session: AsyncSession, actor: Actor, query: CalendarFilter) -> IO[bytes]:
    """Return a file of the actor's own commitments; the caller closes it.

    Raises
    ------
    Invalid, TooManyRows
        As for slots.
    """
    _require(actor, query)
    return await commitments_of(session, actor.organisation_id, query)


async def commitments_of(session: AsyncSession, organisation_id: UUID, query: CalendarFilter) -> IO[bytes]:
    """Return a file of an organisation's commitments, whoever asks; the caller closes it."""
    entries = import_repository.stream_calendar(session, Commitment, query, organisation_id)
    rows = (_commitment_row(one, *place) async for one, *place in entries)
    return await _file(query, "commitments", COMMITMENT_HEADER, rows)


async def slot_template(query: FileQuery) -> IO[bytes]:
    """Return a file of slots without a row, to be filled in; the caller closes it."""
    return await _file(query, "slots", SLOT_HEADER, _nothing())


async def commitment_template(query: FileQuery) -> IO[bytes]:
    """Return a file of commitments without a row, to be filled in; the caller closes it."""
    return await _file(query, "commitments", COMMITMENT_HEADER, _nothing())


def _require(actor: Actor, query: CalendarFilter) -> None:
    actor.require(Role.CDMO_PLANNER)
    if query.start is not None and query.end is not None and query.end <= query.start:
        raise Invalid.field("query/end", f"end ({query.end}) must be after start ({query.start})")


async def _file(query: FileQuery, title: str, header: Sequence[str], rows: AsyncIterator[Sequence[Value]]) -> IO[bytes]:
    return await write_table(query.format, title, header, rows, delimiter=query.delimiter)


async def _nothing() -> AsyncIterator[Sequence[Value]]:
    for _ in ():
        yield ()


def slot_row(slot: Slot, site: str, line: str, unit: str) -> Sequence[Value]:
    """Return a slot as a row of its file."""
    span = span_of(slot.period)
    return (
        str(slot.id),
        site,
        line,
        unit,
        span.start_on,
        span.end_on,
        slot.reserve.value,
        slot.status.value,
        slot.releases_on,
        slot.lendable,
        slot.recall_notice_days,
        slot.max_lent_days,
        slot.divisible,
        slot.approval.value,
        None if slot.price_cents is None else Decimal(slot.price_cents) / 100,
        None if slot.agreement_id is None else str(slot.agreement_id),
    )


def _commitment_row(one: Commitment, site: str, line: str, unit: str) -> Sequence[Value]:
    span = span_of(one.period)
    return (str(one.id), site, line, unit, span.start_on, span.end_on, one.kind.value, one.note)
