"""The ledger as a file: what each organisation owes or is owed, in euros and in cents."""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import IO, Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import ledger_repository as repository
from app.bookings.ledger import detail_told
from app.bookings.models import Charge
from app.core.sheets.formats import Delimiter, FileFormat
from app.core.sheets.writing import Value, write_table

HEADER = (
    "id",
    "created_at",
    "kind",
    "organisation_id",
    "organisation",
    "counterparty_id",
    "counterparty",
    "booking_id",
    "crisis_id",
    "amount_eur",
    "amount_cents",
    "detail",
    "agreement_id",
    "quarter_on",
)


async def export_charges(
    session: AsyncSession, organisation_id: UUID | None, file_format: FileFormat, delimiter: Delimiter
) -> IO[bytes]:
    """Return a file of the charges that an organisation owes or is owed, oldest first; None for all there are.

    The caller closes it. Memory does not grow with the number of charges.

    Raises
    ------
    TooManyRows
        If there are more than a workbook is written with.
    """
    return await write_table(file_format, "charges", HEADER, _rows(session, organisation_id), delimiter=delimiter)


async def _rows(session: AsyncSession, organisation_id: UUID | None) -> AsyncIterator[Sequence[Value]]:
    async for charge, organisation, counterparty in repository.stream_charges(session, organisation_id):
        yield _row(charge, organisation, counterparty, detail_told(charge, organisation_id))


def _row(charge: Charge, organisation: str, counterparty: str | None, detail: Mapping[str, Any]) -> Sequence[Value]:
    return (
        str(charge.id),
        charge.created_at,
        charge.kind.value,
        str(charge.organisation_id),
        organisation,
        _text(charge.counterparty_id),
        counterparty,
        _text(charge.booking_id),
        _text(charge.crisis_id),
        Decimal(charge.amount_cents) / 100,
        charge.amount_cents,
        to_json(detail).decode() if detail else None,
        _text(charge.agreement_id),
        charge.quarter_on,
    )


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)
