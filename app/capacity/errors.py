"""Refusals about slots, commitments and agreements."""

from collections.abc import Iterable
from uuid import UUID

from app.capacity.supply import Span
from app.core.errors import Conflict, FieldFault, Invalid


def spans_as_facts(spans: Iterable[Span]) -> list[dict[str, str]]:
    """Return periods as a problem shows them."""
    return [{"start": one.start_on.isoformat(), "end": one.end_on.isoformat()} for one in spans]


class SlotFrozen(Conflict):
    """A round or a crisis holds the slot still: its plan counts on it."""

    type, title = "slot-frozen", "The slot is held still by a round or a crisis"

    @classmethod
    def by(cls, slot_id: UUID, holders: Iterable[str]) -> "SlotFrozen":
        """Return the refusal of a change that takes from the slot, with what holds it."""
        kinds = sorted(set(holders))
        return cls(
            f"While the plan of a {' and of a '.join(kinds)} is being made or decided on, this slot can be neither "
            "withdrawn, shrunk nor reclassified. Tell the coordinator if it is lost.",
            facts={"slot_id": str(slot_id), "held_by": kinds},
        )


class SlotOrdered(Conflict):
    """A crisis order lies on the slot, and its CDMO has not answered it."""

    type, title = "slot-ordered", "A crisis order lies on the slot"

    @classmethod
    def by(cls, spans: Iterable[Span]) -> "SlotOrdered":
        """Return the refusal with the periods that are ordered."""
        return cls(
            "A crisis order lies on this slot: accept or counter it first.", facts={"ordered": spans_as_facts(spans)}
        )


class NotForLending(Conflict):
    """Only a published slot of the crisis reserve is lent."""

    type, title = "not-for-lending", "The slot is not one to be lent"


class LineNotBookable(Conflict):
    """No slot may be published on the line, for the reason it gives."""

    type, title = "line-not-bookable", "No slot may be published on this line"

    @classmethod
    def because(cls, reason: str) -> "LineNotBookable":
        """Return the refusal with the line's own reason."""
        return cls(f"The line is not bookable: {reason}.", facts={"reason": reason})


class SlotOverlap(Conflict):
    """Two published slots of a unit, or a slot and a commitment, would share a day."""

    type, title = "slot-overlap", "The period overlaps a published slot of this unit"

    @classmethod
    def of(cls, slot_id: UUID, span: Span) -> "SlotOverlap":
        """Return the refusal that names the slot in the way."""
        detail = f"Slot {slot_id} is published from {span.start_on} to {span.end_on} on this unit."
        return cls(
            detail,
            faults=[FieldFault("/start", detail)],
            facts={"slot_id": str(slot_id), **spans_as_facts([span])[0]},
        )


class CommitmentOverlap(Conflict):
    """The unit is committed in the period."""

    type, title = "commitment-overlap", "The period overlaps a commitment of this unit"

    @classmethod
    def of(cls, commitment_id: UUID, span: Span) -> "CommitmentOverlap":
        """Return the refusal that names the commitment in the way; its owner alone ever sees it."""
        detail = f"The unit is committed from {span.start_on} to {span.end_on}."
        return cls(
            detail,
            faults=[FieldFault("/start", detail)],
            facts={"commitment_id": str(commitment_id), **spans_as_facts([span])[0]},
        )


class SlotBooked(Conflict):
    """The change contradicts a live booking in the slot."""

    type, title = "slot-booked", "Live bookings keep the slot as it is"

    @classmethod
    def by(cls, spans: Iterable[Span]) -> "SlotBooked":
        """Return the refusal with the periods that are booked, and nothing of whose they are."""
        periods = spans_as_facts(spans)
        if not periods:
            return cls("What relies on this slot is changing at this moment: send the same request again.")
        named = ", ".join(f"{one['start']} to {one['end']}" for one in periods[:5])
        return cls(
            f"Booked in this slot: {named}. Move or cancel these bookings first, or keep the slot around them.",
            facts={"booked": periods},
        )


class ImportRefused(Invalid):
    """A file of which a row is wrong: nothing of it is written; `report` says of every row what would become of it."""

    type, title = "import-refused", "Rows of the file are refused, and nothing is written"
