"""One simulated year under one policy: a discrete-event simulation over days."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from app.allocation.planner import Entry
from app.capacity.supply import Span
from app.crisis.rules import compensation_cents
from app.crisis.settling import PlannedDisplacement, Settled
from app.matching.campaign import is_engineered
from app.matching.facts import QualificationFacts, RequestFacts
from app.requests.priority import derive_priority
from seed.identifiers import identifier
from seed.scenario.chance import Chance
from seed.simulation.assumptions import CAUSES, failed_share
from seed.simulation.calendar import Calendar, Place
from seed.simulation.crisis import Situation, plan_crisis
from seed.simulation.crisis_effects import booking_facts, campaign_places, moved_place
from seed.simulation.demand import Arrival, Fate
from seed.simulation.money import Money
from seed.simulation.placing import Found, at_once, awaits_round, in_a_round, place_of
from seed.simulation.plan import FIRST_DAY
from seed.simulation.policies import ReservePolicy
from seed.simulation.reserves import with_reserves
from seed.simulation.setting import Setting

REPEAT_DAYS = 540
"""How long a repeat of failed batches may take, and is waited for."""


class State(StrEnum):
    """Where a request has ended: in exactly one of these."""

    PLACED = "placed"
    UNMET = "unmet"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"


@dataclass(slots=True)
class Case:
    """A request while the year is played.

    Attributes
    ----------
    waits_from
        The day from which its patience counts.
    turn
        How many bookings it has had.
    """

    arrival: Arrival
    request: RequestFacts
    waits_from: date
    gives_up_on: date
    state: State = State.WAITING
    booking_id: UUID | None = None
    start_on: date | None = None
    turn: int = 0
    moved: bool = False
    displaced: bool = False


class Kind(StrEnum):
    """What can happen to a booking by itself."""

    CANCELLED = "cancelled"
    PRODUCED = "produced"


class Play:
    """The year while it is played; `finish` plays it all."""

    def __init__(self, setting: Setting, policy: ReservePolicy) -> None:
        plan = setting.plan
        self.setting = setting
        self.policy = policy
        slots = with_reserves(setting.slots, setting.units, policy, plan.assumptions, setting.seed)
        self.calendar = Calendar(slots, setting.units, plan.assumptions.published_ahead_days)
        self.lendable = frozenset(slot.slot_id for slot in slots if slot.lendable)
        self.cases: dict[int, Case] = {}
        self.money = Money(since=FIRST_DAY)
        self.settled = Settled((), (), ())
        self.failed_batches = 0
        self._events: list[tuple[date, int, Kind, UUID]] = []
        self._waiting: dict[int, Case] = {}
        self._known: dict[UUID, tuple[QualificationFacts, ...]] = {}
        self._next_number = len(setting.arrivals)

    def finish(self) -> None:
        """Play every day, and make sure that no unit was booked twice."""
        plan = self.setting.plan
        coming = iter([*self.setting.arrivals, None])
        arrival = next(coming)
        for number in range((plan.ends_on - plan.opens_on).days):
            day = plan.opens_on + timedelta(days=number)
            self._happen(day)
            while arrival is not None and arrival.arrived_on == day:
                self._arrive(arrival)
                arrival = next(coming)
            self._crisis(day)
            if number and number % plan.assumptions.round_every_days == 0:
                self._round(day)
        self._give_up(plan.ends_on)
        self.calendar.check(plan.opens_on)

    def _happen(self, day: date) -> None:
        """What is due by now: cancellations and ends of production of bookings that still stand."""
        while self._events and self._events[0][0] <= day:
            _, _, kind, booking_id = heapq.heappop(self._events)
            place = self.calendar.bookings.get(booking_id)
            if place is None or place.number is None:
                continue
            if kind is Kind.PRODUCED:
                self._produced(place, day)
            elif place.start_on > day:
                self.money.cancelled(self.calendar.free(booking_id), day)
                self.cases[place.number].state = State.WITHDRAWN

    def _arrive(self, arrival: Arrival) -> None:
        """A request comes in: placed at once if a place is free and soon enough for it, else it waits for a round."""
        case = Case(arrival, arrival.request, arrival.arrived_on, arrival.gives_up_on)
        self.cases[arrival.number] = case
        if not arrival.is_servable:
            case.state = State.UNMET
            return
        found = at_once(self._facts(case), self.calendar, arrival.units, arrival.arrived_on)
        if found is None or self._awaits_round(case, found):
            self._waiting[arrival.number] = case
        else:
            self._book(case, found, arrival.arrived_on)

    def _awaits_round(self, case: Case, found: Found) -> bool:
        """Whether its owner leaves a place that is late, for an earlier one that the start-up reserve has today."""
        arrival = case.arrival
        enough = arrival.wished_on + timedelta(days=self.setting.plan.assumptions.contented_days)
        if not arrival.is_startup or found.start_on <= enough:
            return False
        return awaits_round(self._facts(case), self.calendar, arrival.units, arrival.arrived_on, found.start_on)

    def _facts(self, case: Case) -> RequestFacts:
        """The request with what its product has become qualified for since."""
        known = self._known.get(case.request.product_id or case.request.request_id, ())
        return replace(case.request, qualifications=(*case.request.qualifications, *known)) if known else case.request

    def _book(self, case: Case, found: Found, day: date) -> None:
        place = place_of(found, case.request.modality, self.calendar, day, number=case.arrival.number, turn=case.turn)
        self.money.booked(place, day)
        self._take(case, place, day)

    def _take(self, case: Case, place: Place, day: date) -> None:
        """Enter a booking, and what will happen to it by itself."""
        self.calendar.book(place)
        case.turn += 1
        case.state, case.booking_id, case.start_on = State.PLACED, place.booking_id, place.start_on
        self._waiting.pop(case.arrival.number, None)
        fate = case.arrival.fate
        if fate.cancels:
            on = place.booked_on + timedelta(days=int(fate.cancels_at * (place.start_on - place.booked_on).days))
            self._expect(max(on, day + timedelta(days=1)), Kind.CANCELLED, place)
        self._expect(place.produced_on, Kind.PRODUCED, place)

    def _expect(self, day: date, kind: Kind, place: Place) -> None:
        heapq.heappush(self._events, (day, len(self._events), kind, place.booking_id))

    def _produced(self, place: Place, day: date) -> None:
        """Production ends: batches fail or not, and from now on the site knows the product."""
        if place.number is None:
            return
        case, unit = self.cases[place.number], self.calendar.units[place.unit_id]
        share = failed_share(case.request.modality, first_lot=not is_engineered(self._facts(case), unit))
        chance = Chance(self.setting.seed, "simulation", "failure", case.request.request_id)
        failed = sum(chance.happens(share) for _ in range(place.batches))
        product = case.request.product_id or case.request.request_id
        self._known[product] = (*self._known.get(product, ()), QualificationFacts(unit.site_id, engineered=True))
        if failed:
            self.failed_batches += failed
            self.money.failed(place, failed, chance.weighted(CAUSES), day)
            self._arrive(self._repeat(case, failed, day))

    def _repeat(self, case: Case, batches: int, day: date) -> Arrival:
        """The request for as many batches as failed, by which its owner stands until it has them."""
        number, self._next_number = self._next_number, self._next_number + 1
        until = day + timedelta(days=REPEAT_DAYS)
        request = replace(
            case.request,
            request_id=identifier("simulated-repeat", case.request.request_id),
            earliest_on=day,
            latest_delivery_on=until,
            batches=batches,
            quantity=None,
            quantity_unit=None,
            budget_cents=None,
        )
        return replace(
            case.arrival,
            number=number,
            arrived_on=day,
            request=request,
            wished_on=day,
            gives_up_on=until,
            fate=Fate(REPEAT_DAYS, cancels=False, cancels_at=0.0),
            repeats=case.arrival.number,
        )

    def _give_up(self, day: date) -> None:
        """Those whose patience or time has run out are unmet."""
        for number, case in list(self._waiting.items()):
            patience = case.waits_from + timedelta(days=case.arrival.fate.patience_days)
            if min(patience, case.gives_up_on) <= day:
                case.state = State.UNMET
                del self._waiting[number]

    def _round(self, day: date) -> None:
        """A round for all that wait, in the order of their arrival."""
        self._give_up(day)
        entries = []
        for case in self._waiting.values():
            ranking = derive_priority(case.arrival.priority, day)
            entries.append(Entry(self._facts(case), ranking.tier, ranking.points))
        by_request = {case.request.request_id: case for case in self._waiting.values()}
        found = in_a_round(entries, self.calendar, day, self.setting.plan.budget)
        for request_id, place in found.items():
            self._book(by_request[request_id], place, day)

    def _crisis(self, day: date) -> None:
        """The crisis on its day; while it lasts, nothing of its reserve is lent."""
        brief = self.setting.crisis
        if day == brief.end_on:
            self.calendar.lend_again(self.lendable)
        if day != brief.as_of_on:
            return
        self.calendar.stop_lending()
        supply = self.calendar.supply(day, self.calendar.units)
        visible = {slot.slot_id for slots in supply.slots.values() for slot in slots}
        standing = [
            booking_facts(one, self._case_of(one), day)
            for one in self.calendar.bookings.values()
            if one.slot_id in visible and one.end_on > day
        ]
        requests = {case.request.request_id: self._facts(case) for case in self.cases.values() if case.booking_id}
        situation = Situation(self.calendar.units, supply.slots, tuple(standing), requests)
        self.settled = plan_crisis(brief, situation, self.setting.plan.budget)
        for displacement in self.settled.displacements:
            self._displace(displacement, day)
        for place in campaign_places(self.settled, self.calendar, day):
            self.calendar.book(place)
        self.money.crisis_orders_cents += sum(one.option.price_cents for one in self.settled.campaigns)

    def _case_of(self, place: Place) -> Case | None:
        return None if place.number is None else self.cases[place.number]

    def _displace(self, displacement: PlannedDisplacement, day: date) -> None:
        """A booking gives way: to the place planned for it, or back to those who wait, its time to wait begun anew."""
        brief, move, booking = self.setting.crisis, displacement.move, displacement.booking
        place = self.calendar.free(booking.booking_id)
        case = self._case_of(place)
        if case is None:
            raise ValueError("a campaign of the crisis itself has been asked to give way")
        self.money.compensation_cents += compensation_cents(
            brief.rules, booking.price_cents, moved=move is not None, recallable=booking.recallable
        )
        if move is not None:
            case.moved = True
            moved = moved_place(place, move, case.request.modality, self.calendar, day, turn=case.turn)
            self._take(case, moved, day)
            return
        later = timedelta(days=brief.rules.max_delay_days)
        latest = case.request.latest_delivery_on + later
        case.request = replace(case.request, latest_delivery_on=latest)
        case.gives_up_on, case.waits_from = case.gives_up_on + later, day
        case.displaced, case.state, case.booking_id, case.start_on = True, State.WAITING, None, None
        self._waiting[case.arrival.number] = case

    def measured(self) -> Iterator[Case]:
        """The requests of the year itself, repeats left out."""
        for case in self.cases.values():
            if case.arrival.arrived_on >= FIRST_DAY and case.arrival.repeats is None:
                yield case

    @property
    def year(self) -> Span:
        """The days that are measured."""
        return Span(FIRST_DAY, self.setting.plan.ends_on)
