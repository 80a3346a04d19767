"""What of a solution stands: each displacement with the campaigns that cause it, and those that buy enough.

Pure: works on the solution file as JSON and on the references kept with its run.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.crisis.declaration import CrisisRules
from app.crisis.references import BookingReference, CampaignReference, MoveReference, References


@dataclass(frozen=True, slots=True)
class PlannedCampaign:
    """A campaign over [start_on, end_on) in a slot, by its option."""

    start_on: date
    end_on: date
    option: CampaignReference

    @property
    def releases(self) -> list[tuple[date, int]]:
        """The days on which batches are released, and how many."""
        return [(self.start_on + timedelta(days=after), batches) for after, batches in self.option.releases]

    def doses_by(self, day: date, rules: CrisisRules) -> int:
        """Return the doses released by a day, that day included."""
        each: int = getattr(self.option, rules.yield_basis.value)
        return each * sum(batches for on, batches in self.releases if on <= day)


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """The place that a booking moves to: [start_on, end_on) in a slot."""

    start_on: date
    end_on: date
    option: MoveReference

    @property
    def delivery_on(self) -> date:
        """When the moved lot is delivered."""
        return self.end_on + timedelta(days=self.option.lag_days)


@dataclass(frozen=True, slots=True)
class PlannedDisplacement:
    """A booking that gives way: to a place of its own, or to none."""

    booking: BookingReference
    move: PlannedMove | None


@dataclass(frozen=True, slots=True)
class Settled:
    """The plan that stands, and what was left out because its displacements would buy too few doses.

    `spared` are the bookings that would have given way to what is withheld.
    """

    campaigns: tuple[PlannedCampaign, ...]
    displacements: tuple[PlannedDisplacement, ...]
    withheld: tuple[PlannedCampaign, ...]
    spared: tuple[UUID, ...] = ()


def overlaps(campaign: PlannedCampaign, booking: BookingReference) -> bool:
    """Tell whether a campaign needs days that a booking holds."""
    return (
        campaign.option.slot_id == booking.slot_id
        and campaign.start_on < booking.end_on
        and booking.start_on < campaign.end_on
    )


def settle(solution: Mapping[str, Any], references: References, rules: CrisisRules, last_target_on: date) -> Settled:
    """Return what of a solution stands.

    A booking that no campaign needs keeps its place. Campaigns that share a displaced booking stand or fall together:
    they fall when they deliver fewer doses by the last target than the rules ask for each booking that gives way, and
    when a project would give way a second time, to those that deliver more.
    """
    campaigns = _campaigns(solution, references)
    displacements = _displacements(solution, references)
    standing: list[PlannedCampaign] = []
    giving_way: list[PlannedDisplacement] = []
    withheld: list[PlannedCampaign] = []
    spared: list[UUID] = []
    projects: set[UUID] = set()
    valued = [
        (sum(campaign.doses_by(last_target_on, rules) for campaign in group), group, ousted)
        for group, ousted in _groups(campaigns, displacements)
    ]
    for doses, group, ousted in sorted(valued, key=lambda one: -one[0]):
        if ousted and doses < rules.minimum_doses_per_displacement * len(ousted):
            withheld += group
            spared += [one.booking.booking_id for one in ousted]
        elif again := _second_of_a_project(ousted, projects):
            withheld += group
            spared += again
        else:
            standing += group
            giving_way += ousted
            projects |= {one.booking.product_id for one in ousted if one.booking.product_id is not None}
    return Settled(
        tuple(sorted(standing, key=_by_start)),
        tuple(sorted(giving_way, key=lambda one: (one.booking.start_on, one.booking.booking_id))),
        tuple(sorted(withheld, key=_by_start)),
        tuple(sorted(spared)),
    )


def _second_of_a_project(ousted: Iterable[PlannedDisplacement], projects: Collection[UUID]) -> list[UUID]:
    """Return the bookings of projects that give way already, or twice here: of those the later ones."""
    seen, found = set(projects), []
    for one in sorted(ousted, key=lambda one: (one.booking.start_on, one.booking.booking_id)):
        if one.booking.product_id in seen:
            found.append(one.booking.booking_id)
        elif one.booking.product_id is not None:
            seen.add(one.booking.product_id)
    return found


def _by_start(campaign: PlannedCampaign) -> tuple[date, UUID]:
    return campaign.start_on, campaign.option.slot_id


def _campaigns(solution: Mapping[str, Any], references: References) -> list[PlannedCampaign]:
    return [
        PlannedCampaign(
            references.as_of_on + timedelta(days=item["start"]),
            references.as_of_on + timedelta(days=item["end"]),
            references.campaigns[item["option"]],
        )
        for item in solution.get("campaigns", ())
    ]


def _displacements(solution: Mapping[str, Any], references: References) -> list[PlannedDisplacement]:
    found = [PlannedDisplacement(references.bookings[UUID(one)], None) for one in solution.get("displaced", ())]
    for item in solution.get("moved", ()):
        booking = references.bookings[UUID(item["booking"])]
        move = PlannedMove(
            references.as_of_on + timedelta(days=item["start"]),
            references.as_of_on + timedelta(days=item["end"]),
            booking.moves[item["option"]],
        )
        found.append(PlannedDisplacement(booking, move))
    return found


def _groups(
    campaigns: Sequence[PlannedCampaign], displacements: Sequence[PlannedDisplacement]
) -> list[tuple[list[PlannedCampaign], list[PlannedDisplacement]]]:
    """Return campaigns with the bookings they need to give way, those that share one together."""
    groups: list[tuple[list[PlannedCampaign], list[PlannedDisplacement]]] = [([one], []) for one in campaigns]
    for displacement in displacements:
        touched = [group for group in groups if any(overlaps(one, displacement.booking) for one in group[0])]
        if not touched:
            continue
        joined = (
            [one for group in touched for one in group[0]],
            [*(one for group in touched for one in group[1]), displacement],
        )
        groups = [group for group in groups if group not in touched] + [joined]
    return groups
