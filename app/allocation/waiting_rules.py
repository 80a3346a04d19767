"""Who is first among those that wait, and why others are passed over: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.allocation.planner import Entry, Supply, entry_options, match_policy, options_of, why_not
from app.allocation.policy import RoundPolicy
from app.capacity.supply import SlotFacts, Span
from app.matching.facts import RequestFacts
from app.matching.outcome import Option
from app.matching.policy import MatchPolicy
from app.matching.slots import gaps

MOST_CONTENDERS = 20
"""Requests that the engine weighs against each other; freed days serve one, seldom more, and the best always."""

Facts = dict[str, Any]


class SkipReason(StrEnum):
    """Why a request was passed over, where it is not matching's word: that has codes of its own."""

    OUTRANKED = "outranked"
    PARTY_SERVED = "party_served"
    CAP_REACHED = "cap_reached"
    OFFER_PENDING = "offer_pending"
    APPROVAL_PENDING = "approval_pending"
    HOLDS_A_PLACE = "holds_a_place"
    IN_PRODUCTION = "in_production"
    IN_ROUND = "in_round"
    NOT_EARLIER = "not_earlier"
    DECLINED_HERE = "declined_here"
    EXPIRED_HERE = "expired_here"
    RELEASED_HERE = "released_here"
    CANCELLED_HERE = "cancelled_here"
    REFUSED_BY_CDMO = "refused_by_cdmo"
    OUT_OF_SERVICE = "out_of_service"
    NO_PLAN = "no_plan"


OUT_OF_SERVICE = frozenset({"equipment_failure", "quality_event", "staffing"})
"""Why a CDMO ended a booking when the unit cannot run: nobody else is offered those days."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Days on this unit that a request has had and let go of, and how: it is not offered them again."""

    days: Span
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Usage:
    """What counts against the caps of a request's organisation: places other than its own."""

    requests: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits, with all that decides on its turn.

    Attributes
    ----------
    first_refusal
        A crisis displaced it, and now frees these days: it comes before everybody else.
    present_delivery_on
        Delivery from the place that it has, where it waits for an earlier one; None where it has none.
    until_on
        Last delivery for which an earlier place is worth it.
    barred_by
        What keeps it from any offer at the moment.
    """

    request: RequestFacts
    tier: int
    points: int
    since_at: datetime
    first_refusal: bool = False
    present_delivery_on: date | None = None
    until_on: date | None = None
    barred_by: SkipReason | None = None
    given_up: tuple[GivenUp, ...] = ()
    usage: Usage = Usage()

    @property
    def turn(self) -> tuple[bool, int, int, datetime, int]:
        """The order of being served: tier, points, and who has waited longer; never the last to come first."""
        return (not self.first_refusal, self.tier, -self.points, self.since_at, self.request.request_id.int)

    @property
    def wanted(self) -> RequestFacts:
        """What it takes: with a place already, only what delivers before that one."""
        if self.present_delivery_on is None:
            return self.request
        bounds = (self.request.latest_delivery_on, self.present_delivery_on - timedelta(days=1), self.until_on)
        return replace(self.request, latest_delivery_on=min(bound for bound in bounds if bound is not None))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A request's position among all that wait, and why it cannot have these days; no reason makes it a contender.

    Attributes
    ----------
    barred
        Days, by slot, on which `options` leave it nothing, though others may have them.
    """

    waiting: Waiting
    position: int
    options: tuple[Option, ...] = ()
    reason: str | None = None
    facts: Facts = field(default_factory=dict)
    barred: Mapping[UUID, tuple[Span, ...]] = field(default_factory=dict)

    def skipped(self, reason: str, **facts: Any) -> "Verdict":
        """Return the verdict of a contender that was passed over."""
        return replace(self, reason=str(reason), facts=facts)


def freed_stretches(slot: SlotFacts, freed: Iterable[Span]) -> list[Span]:
    """Return the free stretches of a slot that hold a freed day: what is free beside it counts with it."""
    spans = list(freed)
    return [
        stretch
        for stretch in gaps(slot.period, slot.busy)
        if any(one.start_on < stretch.end_on and stretch.start_on < one.end_on for one in spans)
    ]


def only_free(slot: SlotFacts, stretches: Sequence[Span]) -> SlotFacts:
    """Return a slot in which nothing but these stretches is free."""
    return replace(slot, busy=tuple(gaps(slot.period, stretches)))


def _entry(waiting: Waiting, barred: Mapping[UUID, tuple[Span, ...]], weight: int) -> Entry:
    """Return a request as the engine takes it."""
    return Entry(waiting.wanted, waiting.tier, weight, barred)


def _past_approval(
    request: RequestFacts, supply: Supply, as_of_on: date, policy: MatchPolicy
) -> dict[UUID, tuple[Span, ...]]:
    """Return this day in each slot where it is free, but a CDMO would have to approve what begins on it: too late."""
    this_day = (Span(as_of_on, as_of_on + timedelta(days=1)),)
    return {
        option.slot_id: this_day
        for option in options_of(request, supply, as_of_on, policy)
        if option.earliest_start_on <= as_of_on and not option.confirmed_by_acceptance
    }


def _with_given_up(
    waiting: Waiting, supply: Supply, past: Mapping[UUID, tuple[Span, ...]]
) -> Mapping[UUID, tuple[Span, ...]]:
    """Return the days barred to a request: those past approval, and in each slot those that it has given up."""
    days = tuple(one.days for one in waiting.given_up)
    if not days:
        return past
    slots = [slot.slot_id for listed in supply.slots.values() for slot in listed]
    return {slot_id: (*past.get(slot_id, ()), *days) for slot_id in slots}


def judged(waiting: Iterable[Waiting], supply: Supply, as_of_on: date, policy: RoundPolicy) -> list[Verdict]:
    """Return a verdict on each request, first to be served first."""
    return [_judge(one, position, supply, as_of_on, policy) for position, one in _in_turn(waiting)]


def passed_over(waiting: Iterable[Waiting], reason: str) -> list[Verdict]:
    """Return the verdicts on days that are offered to nobody, first to be served first: the same on each request."""
    return [Verdict(one, position, reason=str(reason)) for position, one in _in_turn(waiting)]


def _in_turn(waiting: Iterable[Waiting]) -> Iterable[tuple[int, Waiting]]:
    return enumerate(sorted(waiting, key=lambda one: one.turn), start=1)


def _judge(waiting: Waiting, position: int, supply: Supply, as_of_on: date, policy: RoundPolicy) -> Verdict:
    if waiting.barred_by is not None:
        return Verdict(waiting, position, reason=waiting.barred_by.value)
    matching = match_policy(policy)
    past = _past_approval(waiting.request, supply, as_of_on, matching)
    barred = _with_given_up(waiting, supply, past)
    options = entry_options(_entry(waiting, barred, 1), supply, as_of_on, matching)
    if options:
        over = _over_cap(waiting.usage, min(option.duration_days for option in options), policy)
        reason = SkipReason.CAP_REACHED.value if over else None
        return Verdict(waiting, position, options, reason, over, barred)
    supply = supply.without(past)
    if waiting.given_up and options_of(waiting.wanted, supply, as_of_on, matching):
        return Verdict(waiting, position, reason=waiting.given_up[-1].reason.value)
    if waiting.present_delivery_on is not None and options_of(waiting.request, supply, as_of_on, matching):
        facts: Facts = {"latest_delivery_on": waiting.wanted.latest_delivery_on.isoformat()}
        return Verdict(waiting, position, reason=SkipReason.NOT_EARLIER.value, facts=facts)
    reasons = why_not(waiting.wanted, supply, as_of_on, matching)
    return Verdict(waiting, position, reason=reasons[0]["code"], facts={"reasons": reasons})


def _over_cap(usage: Usage, days: int, policy: RoundPolicy) -> Facts:
    """Return the cap that one more place would pass, and what counts against it; nothing where there is room."""
    if policy.per_party is not None and usage.requests + 1 > policy.per_party:
        return {"per_party": policy.per_party, "has": usage.requests}
    if policy.days_per_party is not None and usage.days + days > policy.days_per_party:
        return {"days_per_party": policy.days_per_party, "has": usage.days, "asks": days}
    return {}


def weighed(contenders: Sequence[Verdict]) -> list[Entry]:
    """Return contenders as entries, each heavier than all behind it together: no number of them outweighs it."""
    first = contenders[:MOST_CONTENDERS]
    return [_entry(one.waiting, one.barred, 2 ** (len(first) - number)) for number, one in enumerate(first, start=1)]


def strictly_ordered(policy: RoundPolicy) -> RoundPolicy:
    """Return a policy under which the engine serves in turn, one place for a party, then as the policy prefers.

    What a party has elsewhere is counted before: its caps bar it from the contest.
    """
    preferences = tuple(name for name in policy.objectives if not name.startswith(("weight", "parties")))
    changes = {"objectives": ("weight", *preferences), "per_party": 1, "days_per_party": None}
    return policy.model_copy(update=changes)


def told_apart(verdicts: Sequence[Verdict], served: Mapping[UUID, Any]) -> list[Verdict]:
    """Return the verdicts after the engine has chosen: a contender without a place learns who came before it."""
    chosen = [one for one in verdicts if _is_among(one, served)]
    parties = {one.waiting.request.organisation_id for one in chosen}
    ahead = [{"position": one.position, "tier": one.waiting.tier, "points": one.waiting.points} for one in chosen]
    found = []
    for one in verdicts:
        if one.reason is None and not _is_among(one, served):
            same = one.waiting.request.organisation_id in parties
            reason = SkipReason.PARTY_SERVED if same else SkipReason.OUTRANKED
            found.append(one.skipped(reason, chosen=ahead))
        else:
            found.append(one)
    return found


def left_without(verdicts: Sequence[Verdict], reason: str) -> list[Verdict]:
    """Return the verdicts after the place has been refused for good: whoever could have had it learns why."""
    return [one.skipped(reason) if one.reason is None else one for one in verdicts]


def _is_among(verdict: Verdict, served: Mapping[UUID, Any]) -> bool:
    return verdict.waiting.request.request_id in served
