"""What a slot may be, which changes of status it goes through, and what a batch in it costs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from app.capacity.models import Approval, SlotStatus
from app.capacity.supply import Claim, Span
from app.core.errors import FieldFault
from app.core.vocabulary import Basis, Reserve

TRANSITIONS: Mapping[SlotStatus, frozenset[SlotStatus]] = {
    SlotStatus.DRAFT: frozenset({SlotStatus.PUBLISHED, SlotStatus.WITHDRAWN}),
    SlotStatus.PUBLISHED: frozenset({SlotStatus.WITHDRAWN}),
    SlotStatus.WITHDRAWN: frozenset({SlotStatus.PUBLISHED}),
}
"""From each status, those that may follow it."""


@dataclass(frozen=True, slots=True)
class SlotDraft:
    """A slot as its CDMO wants it, before it is stored."""

    start: date
    end: date
    reserve: Reserve = Reserve.OPEN
    status: SlotStatus = SlotStatus.PUBLISHED
    releases_on: date | None = None
    lendable: bool = False
    recall_notice_days: int | None = None
    max_lent_days: int | None = None
    divisible: bool = True
    approval: Approval = Approval.BY_CDMO
    price_cents: int | None = None
    agreement_id: UUID | None = None

    @property
    def span(self) -> Span:
        """The period of the slot."""
        return Span(self.start, self.end)


LENDING = ("recall_notice_days", "max_lent_days")
"""Terms of lending: they outlast a recall, for what is lent then stays lent under them."""


def lending_of(slot: SlotDraft) -> tuple[bool, int | None]:
    """Return whether a slot may be lent, and at which notice."""
    return slot.lendable, slot.recall_notice_days


def changed_draft(slot: SlotDraft, changes: Mapping[str, Any]) -> SlotDraft:
    """Return a slot with changes to its fields; one that names what is so already changes nothing.

    Terms of lending that a recall left behind go with the reserve for crises, unless others are asked for.
    """
    after = replace(slot, **changes)
    asks_for_terms = any(getattr(after, name) not in {None, getattr(slot, name)} for name in LENDING)
    if asks_for_terms or after.lendable or after.reserve is Reserve.CRISIS:
        return after
    return replace(after, recall_notice_days=None, max_lent_days=None)


def slot_faults(slot: SlotDraft, before: SlotDraft | None = None) -> Iterator[FieldFault]:
    """Yield what contradicts itself in a slot, field by field.

    Parameters
    ----------
    before
        The slot as it is stored: terms of lending that a recall has left behind are no fault.
    """
    if slot.end <= slot.start:
        yield FieldFault("/end", f"end ({slot.end}) must be after start ({slot.start})")
    if slot.releases_on is not None and slot.reserve is not Reserve.STARTUP:
        yield FieldFault("/releases_on", "Only a slot of the start-up reserve is released to the open market.")
    if slot.lendable and slot.reserve is not Reserve.CRISIS:
        yield FieldFault("/lendable", "Only a slot of the crisis reserve is lent.")
    if slot.lendable and slot.recall_notice_days is None:
        yield FieldFault("/recall_notice_days", "A slot that is lent needs the notice by which it is recalled.")
    if not slot.lendable:
        kept = before if before is not None and slot.reserve is Reserve.CRISIS else None
        for name in LENDING:
            if getattr(slot, name) not in {None, getattr(kept, name, None)}:
                yield FieldFault(f"/{name}", "Only a slot that is lent has terms of lending.")


@dataclass(frozen=True, slots=True)
class Promise:
    """What an agreement says of the slots that count towards it; 0 days to be recoverable within say nothing."""

    organisation_id: UUID
    reserve: Reserve
    line_id: UUID | None
    modality: str | None
    span: Span
    recoverable_within_days: int = 0


def agreement_faults(
    promise: Promise, slot: SlotDraft, *, organisation_id: UUID, line_id: UUID, modalities: Iterable[str]
) -> Iterator[FieldFault]:
    """Yield why a slot cannot count towards an agreement."""
    pointer = "/agreement_id"
    if promise.organisation_id != organisation_id:
        yield FieldFault(pointer, "There is no such agreement among those you can see.")
        return
    if promise.reserve is not slot.reserve:
        yield FieldFault(pointer, f"It is about the {promise.reserve.value} reserve, the slot {slot.reserve.value}.")
    if promise.line_id not in {None, line_id}:
        yield FieldFault(pointer, "It is about another line.")
    if promise.modality is not None and promise.modality not in modalities:
        yield FieldFault(pointer, f"It is about {promise.modality}, which the line does not make.")
    if slot.end <= promise.span.start_on or promise.span.end_on <= slot.start:
        yield FieldFault(pointer, f"It runs from {promise.span.start_on} to {promise.span.end_on}.")
    within = promise.recoverable_within_days
    if slot.lendable and within and (slot.recall_notice_days or 0) > within:
        yield FieldFault("/recall_notice_days", f"By its agreement the slot is recoverable within {within} days.")


class Recall(NamedTuple):
    """When a slot that is no longer lent is free of what is lent still.

    Attributes
    ----------
    free_on
        First day from which nothing is lent, if all of it runs to its end.
    recallable_from_on
        What is lent from this day on can give way to a crisis with the notice kept.
    free_in_crisis_on
        First day from which nothing is lent, if a crisis recalls all that it can with the notice kept.
    """

    free_on: date
    recallable_from_on: date
    free_in_crisis_on: date


def recall_dates(slot: Span, lent: Iterable[Span], notice_days: int, today: date) -> Recall:
    """Return when a slot that is recalled today is free again: what is lent stays, unless a crisis takes its place."""
    spans = list(lent)
    first = max(today, slot.start_on)
    recallable_from = today + timedelta(days=notice_days)
    bound = [one for one in spans if one.start_on < recallable_from]
    return Recall(
        free_on=max([first, *(one.end_on for one in spans)]),
        recallable_from_on=recallable_from,
        free_in_crisis_on=max([first, *(one.end_on for one in bound)]),
    )


def lies_in(inner: Span, outer: Span) -> bool:
    """Tell whether all days of one span are days of another."""
    return outer.start_on <= inner.start_on and inner.end_on <= outer.end_on


def parts_of(whole: Span, cuts: Iterable[date]) -> list[Span]:
    """Return the spans that touch at the cuts, in order; each cut lies inside the whole, and begins a part."""
    edges = [whole.start_on, *sorted(set(cuts)), whole.end_on]
    return [Span(*pair) for pair in pairwise(edges)]


def cut_through(parts: Sequence[Span], booked: Iterable[Span]) -> list[Span]:
    """Return the booked periods that lie inside no part, in order."""
    return [one for one in sorted(booked) if not any(lies_in(one, part) for part in parts)]


def is_given_up(before: SlotDraft, after: SlotDraft) -> bool:
    """Tell whether a change takes a published slot out of the market, or out of its reserve."""
    withdrawn = before.status is SlotStatus.PUBLISHED and after.status is not SlotStatus.PUBLISHED
    return withdrawn or before.reserve is not after.reserve


def is_shrunk(before: SlotDraft, after: SlotDraft) -> bool:
    """Tell whether a change takes days away from a slot."""
    return before.start < after.start or after.end < before.end


def in_the_way(before: SlotDraft, after: SlotDraft, booked: Iterable[Claim], today: date) -> list[Span]:
    """Return the periods of the live bookings that a change of a slot contradicts, in order.

    A booking needs its days, its reserve, and what it was promised under that reserve's rules: on loan, the notice of a
    recall and its length; in a start-up slot that was released, that it stays so.
    """
    claims = sorted(booked)
    whole = before.divisible and not after.divisible and len(claims) > 1
    if whole or is_given_up(before, after):
        return [one.period for one in claims]
    kept_back = (
        effective_reserve(before.reserve, before.releases_on, today) is Reserve.OPEN
        and effective_reserve(after.reserve, after.releases_on, today) is Reserve.STARTUP
    )
    return [
        one.period
        for one in claims
        if one.period.start_on < after.start
        or after.end < one.period.end_on
        or (kept_back and one.reserve is Reserve.OPEN)
        or (one.lent and _lends_less(before, after, one.period))
    ]


def _lends_less(before: SlotDraft, after: SlotDraft, lent: Span) -> bool:
    """Tell whether a change takes away from the terms under which a period is lent."""
    shorter_notice = before.recall_notice_days is not None and (
        after.recall_notice_days is None or after.recall_notice_days < before.recall_notice_days
    )
    shorter_loan = after.max_lent_days not in {None, before.max_lent_days} and lent.days > (after.max_lent_days or 0)
    return shorter_notice or shorter_loan


class BatchPrice(NamedTuple):
    """The price of one batch of a modality in a slot, and whose word it is."""

    modality: str
    price_cents: int | None
    basis: Basis


def effective_reserve(reserve: Reserve, releases_on: date | None, today: date) -> Reserve:
    """Return the reserve whose rules apply today: a start-up slot that has been released is open."""
    released = releases_on is not None and today >= releases_on
    return Reserve.OPEN if reserve is Reserve.STARTUP and released else reserve


def effective_price_cents(line_cents: int | None, *, own_cents: int | None, cap_cents: int | None) -> int | None:
    """Return what a batch costs in a slot, or None if nobody has said.

    The slot's own price stands before the line's; a cap, where one applies, is the most there is to pay, and the
    price where none is published.
    """
    listed = line_cents if own_cents is None else own_cents
    if cap_cents is None:
        return listed
    return cap_cents if listed is None else min(listed, cap_cents)


def batch_price(
    line_price: BatchPrice, *, own_cents: int | None, own_basis: Basis, cap_cents: int | None, cap_basis: Basis
) -> BatchPrice:
    """Return what a batch costs in a slot, on the word of whoever set the price that stands."""
    listed = line_price
    if own_cents is not None:
        listed = BatchPrice(line_price.modality, own_cents, own_basis)
    price_cents = effective_price_cents(line_price.price_cents, own_cents=own_cents, cap_cents=cap_cents)
    if price_cents == listed.price_cents:
        return listed
    return BatchPrice(line_price.modality, price_cents, cap_basis)


def lowest(prices: Iterable[BatchPrice]) -> BatchPrice | None:
    """Return the lowest known price, or None if none is known."""
    known = [one for one in prices if one.price_cents is not None]
    return min(known, key=lambda one: one.price_cents or 0, default=None)
