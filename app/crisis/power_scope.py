"""What each power opens: its tiers, on the lines of its own scope, while it is in force.

Pure. Whoever gives a place does so on one of these grounds:

- `reserve_contract`: a CDMO has sold its crisis slots to the State beforehand, and whoever borrows one has accepted its
  recall. The CDMO still accepts its order; nobody else is asked.
- `voluntary`: a CDMO agrees by accepting its order, and counters it freely. A start-up has agreed when it booked, and
  only then: its booking is recallable, at a discount, with the notice that its slot names. That clause is its
  agreement, and it is not asked a second time; without the clause, or within the notice, no booking gives way to this
  power at all.
- `requisition_or_order`: an act of the State. It alone displaces a confirmed booking without such a clause.
- `exercise`: everything, in a drill.

A campaign rests on a power that is in force on its first day, and until its CDMO has accepted it. What has started goes
on when the power ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from app.capacity.supply import Span, UnitFacts
from app.crisis.campaigns import CampaignOption, in_scope
from app.crisis.models import CrisisMode, PowerKind
from app.crisis.rules import TIERS_OPENED, Power, Tier
from app.matching.slots import gaps

ONE_DAY = timedelta(days=1)


def usable(powers: Iterable[Power], mode: CrisisMode) -> tuple[Power, ...]:
    """Return the powers that open anything in a crisis of this mode: an exercise opens nothing in a real one."""
    return tuple(one for one in powers if one.kind is not PowerKind.EXERCISE or mode is CrisisMode.DRILL)


def tiers_within(powers: Iterable[Power], days: Span) -> tuple[Tier, ...]:
    """Return the tiers that any of the powers opens anywhere on any of these days, in order."""
    opened: set[Tier] = set()
    for power in powers:
        if power.start_on < days.end_on and days.start_on < power.end_on:
            opened |= TIERS_OPENED[power.kind]
    return tuple(sorted(opened))


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the same days as stretches with days between them, in order."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start_on <= found[-1].end_on:
            found[-1] = Span(found[-1].start_on, max(found[-1].end_on, span.end_on))
        else:
            found.append(span)
    return tuple(found)


def uncovered(days: Span, powers: Iterable[Span]) -> tuple[Span, ...]:
    """Return the days on which none of the powers is in force."""
    return tuple(gaps(days, powers))


def grounds(powers: Iterable[Power], unit: UnitFacts, tier: Tier, on: date) -> tuple[Power, ...]:
    """Return the powers that open a tier of a unit on a day, in the order in which they were given."""
    return tuple(
        power
        for power in powers
        if tier in TIERS_OPENED[power.kind] and power.start_on <= on < power.end_on and in_scope(unit, power.scope)
    )


def days_opened(powers: Iterable[Power], unit: UnitFacts, tier: Tier) -> tuple[Span, ...]:
    """Return the days on which a tier of a unit is open, as stretches in order."""
    return joined(
        Span(power.start_on, power.end_on)
        for power in powers
        if tier in TIERS_OPENED[power.kind] and in_scope(unit, power.scope)
    )


def opened_campaigns(
    powers: Sequence[Power], unit: UnitFacts, campaigns: Iterable[CampaignOption]
) -> list[CampaignOption]:
    """Return the campaigns of a unit, each with the starts on which the powers open its place; without any, not."""
    opened = {tier: days_opened(powers, unit, tier) for tier in Tier}
    return [kept for one in campaigns for kept in _starting_on(one, opened[one.tier])]


def lawful_campaigns(
    campaigns: Iterable[CampaignOption], giving_way: Mapping[UUID, Sequence[tuple[Span, Sequence[Span]]]]
) -> tuple[CampaignOption, ...]:
    """Return the campaigns without the starts for which a booking would give way on a day that no power opens to it.

    Parameters
    ----------
    giving_way
        By slot, the days of each booking that may give way, and those on which a campaign may start that takes them.
    """
    found: list[CampaignOption] = []
    for one in campaigns:
        places = giving_way.get(one.slot_id, ())
        refused = [stretch for place, days in places for stretch in _refused(one, place, days)]
        starts = Span(one.earliest_on, one.latest_on + ONE_DAY)
        found += _starting_on(one, tuple(gaps(starts, refused))) if refused else [one]
    return tuple(found)


def _refused(campaign: CampaignOption, place: Span, days: Iterable[Span]) -> Iterable[Span]:
    """Return the starts on which a campaign would lie over the place of a booking that does not give way to it."""
    over = Span(place.start_on - timedelta(days=campaign.duration_days - 1), place.end_on)
    return gaps(over, days)


def _starting_on(campaign: CampaignOption, days: Iterable[Span]) -> list[CampaignOption]:
    """Return a campaign once for each stretch of days on which it may start."""
    found = []
    for span in days:
        first, last = max(campaign.earliest_on, span.start_on), min(campaign.latest_on, span.end_on - ONE_DAY)
        if first <= last:
            found.append(replace(campaign, earliest_on=first, latest_on=last))
    return found
