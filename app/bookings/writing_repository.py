"""Writing a booking with all that stands or falls with it, in one journey to the server."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json
from sqlalchemy import DateTime, Integer, LargeBinary, Text, Uuid, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.types import TypeEngine

from app.bookings.errors import REFUSALS
from app.bookings.models import Booking
from app.bookings.repository import Refused
from app.core.clock import now
from app.core.driver import Driver, Prepared
from app.core.idempotency import IdempotencyKey
from app.core.plain import Model, instance
from app.requests.models import Request


class Writing(NamedTuple):
    """A booking with all that stands or falls with it.

    Attributes
    ----------
    slot_version
        That of the slot as it was read.
    booking, request
        Plain rows; the request is None where it is stored already, or there is none.
    records
        Of the request, if there is one, and of the booking, as `app.audit.service.creation` gives them: each holds all
        of its row, which is written out of it.
    kept
        The answer to the request of a client that it is the effect of, where that is known before.
    """

    slot_version: int
    booking: Booking
    request: Request | None
    records: Sequence[Mapping[str, Any]]
    kept: IdempotencyKey | None = None


_KEPT: dict[str, TypeEngine[Any]] = {
    "id": Uuid(),
    "holder_id": Uuid(),
    "key": Text(),
    "request_sha256": LargeBinary(),
    "status": Integer(),
    "headers": JSONB(),
    "body": LargeBinary(),
}
"""The columns of the answer that is kept, in the order of the function."""

_WRITE_BOOKING = select(
    func.write_booking(
        bindparam("version", type_=Integer),
        bindparam("as_of", type_=DateTime(timezone=True)),
        cast(bindparam("records", type_=Text), JSONB),
        *(bindparam(f"kept_{name}", type_=kind) for name, kind in _KEPT.items()),
        type_=Text,
    ).label("told")
)
_WRITE_BOOKING_PREPARED = Prepared(_WRITE_BOOKING)


async def write(driver: Driver, made: Writing) -> str | None:
    """Lock the unit and insert a booking with all that goes with it; return what stands against it, or None.

    What is told is the name of a rule of the calendar, or `run_out` if something on the unit has run out by the time
    that it is locked, or `key_kept` if the client's request has had its effect: then nothing is written.
    """
    found = await _WRITE_BOOKING_PREPARED.first(driver, _sent(made))
    told: str | None = found["told"] if found else None
    return told


def _sent(made: Writing) -> dict[str, Any]:
    kept = made.kept
    return {
        "version": made.slot_version,
        "as_of": now(),
        "records": to_json(made.records).decode(),
        **{f"kept_{name}": None if kept is None else getattr(kept, name) for name in _KEPT},
    }


async def insert(session: AsyncSession, made: Writing) -> bool:
    """Lock the unit and insert a booking with all that goes with it.

    If the calendar refuses, nothing is written, and the transaction goes on.

    Returns
    -------
    bool
        False if something on the unit has run out by the time that it is locked: nothing is written before it is ended.

    Raises
    ------
    Refused
        With the rule that stands against it.
    """
    await session.flush()
    told = await session.scalar(_WRITE_BOOKING, _sent(made))
    if told == "run_out":
        return False
    if told is not None:
        rule = REFUSALS.get(told)
        if rule is None:
            raise RuntimeError(f"a booking breaks {told}, which no check before has told")
        raise Refused(rule)
    return True


def attached(session: AsyncSession, model: type[Model], row: Model) -> Model:
    """Return a plain row that has been written as an instance in the session."""
    made = instance(model, row)
    make_transient_to_detached(made)
    session.add(made)
    return made
