"""What every step of a machine goes through: it is sent, judged by the model, and all that is seen is compared."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from app.core.clock import SITE_ZONE, now, today
from tests.machine import seen
from tests.machine.model import Model
from tests.machine.refusals import STATUSES
from tests.machine.stage import Headers, Scene, Stage
from tests.machine.things import (
    CDMO_PERCENTS,
    Booking,
    Days,
    Place,
    Proposal,
    Request,
    Slot,
    Verdict,
    campaign_days,
    days_of,
)

PROMPT = timedelta(seconds=60)
"""How much longer ago than the answer the service may have looked at the clock."""

Effect = Callable[[Any], None]
Thing = TypeVar("Thing")

which = st.integers(0, 11)
"""The number of a thing among those that fit; the last two mean: among all there are."""
sides = st.sampled_from((0, 1))


def midnight(day: int) -> datetime:
    """When a day begins at the sites."""
    return datetime.combine(date.fromordinal(day), time.min, SITE_ZONE).astimezone(UTC)


def one(number: int, things: Sequence[Thing]) -> Thing:
    """One of some things, by any number."""
    return things[number % len(things)]


class Player(RuleBasedStateMachine):
    """One sequence on a scene of its own."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.scene: Scene = self.stage.scene()
        owed = dict(zip(self.scene.units, CDMO_PERCENTS, strict=True))
        self.model = Model(lambda: today().toordinal(), now, french=(True, False), cdmo_percents=owed)
        self.model.requests = [
            Request(made.id, made.owner, made.batches, made.earliest, made.latest) for made in self.scene.requests
        ]
        self.versions: dict[str, tuple[int, dict[str, Any]]] = {}
        self.looks, self.is_open, self.in_step = 0, False, False
        self.last: tuple[str, Headers, object, httpx.Response] | None = None

    def teardown(self) -> None:
        self.stage.sequences += 1
        if not self.in_step:  # what has gone wrong is not to be hidden by what follows from it
            self._look(None)

    def attempt(
        self,
        verdict: Verdict,
        by: Headers,
        method: str,
        path: str,
        body: object,
        effect: Effect,
        *,
        own: Booking | None = None,
        if_match: str = "*",
    ) -> None:
        """Take a step: it succeeds, with its effect, or is refused, as the model says; then look at what there is.

        `own` is what would move, and is in nobody's way.
        """
        self.stage.steps += 1
        self.in_step = True
        headers = {**by, "Idempotency-Key": uuid4().hex, "If-Match": if_match}
        answer = self.stage.send(method, path, headers, body)
        told: Any = answer.json() if answer.content else None
        step = f"{method} {path} {body}"
        if answer.is_success:
            assert not verdict.against or verdict.either, f"{step} was taken in spite of {set(verdict.against)}"
            if method == "POST":
                self.last = (path, headers, body, answer)
            effect(told)
        else:
            kind = told["type"].removeprefix("urn:creneau:problem:")
            assert kind in verdict.against, f"{step} was refused as {kind}, not {set(verdict.against)}: {told}"
            assert answer.status_code == STATUSES[kind], f"{step}: {kind} with {answer.status_code}"
            self.stage.refused += 1
            self._require_free(told.get("nearest_free"), own)
        self.look()

    def look(self) -> None:
        """Compare, once the market is open, what either side sees with the model."""
        self.in_step = True
        if self.is_open:
            self.looks += 1
            self._look(self.looks)
        self.in_step = False

    def _look(self, turn: int | None) -> None:
        asked = seen.questions(self.scene, turn, proposals=bool(self.model.proposals))
        told = self.stage.read(asked)
        seen.require_as_modelled(self.model, self.scene, told)
        seen.require_versions(self.versions, told["bookings"])

    def _require_free(self, nearest: Any, own: Booking | None) -> None:
        if nearest is not None:
            slot = next(each for each in self.model.slots if each.id == nearest["slot_id"])
            assert slot.status == "published"
            assert any(free.holds(days_of(nearest)) for free in self.model.free(slot, but=own)), (
                f"{nearest} is not free"
            )

    def act(self, booking: Booking, verb: str, by: Headers, verdict: Verdict, effect: Effect, **body: Any) -> None:
        """Take a booking one step on."""
        path = f"/v1/bookings/{booking.id}/{verb}"
        self.attempt(verdict, by, "POST", path, body or None, effect, own=booking if verb == "move" else None)

    def booking(self, number: int, *statuses: str) -> Booking:
        """One of the bookings in these statuses, mostly; now and then any."""
        fit = [each for each in self.model.bookings if each.status in statuses]
        return one(number, fit if number < 10 and fit else self.model.bookings)

    def slot(self, number: int) -> Slot:
        """One of the slots that are published, mostly; now and then any."""
        fit = [each for each in self.model.slots if each.status == "published"]
        return one(number, fit if number < 10 and fit else self.model.slots)

    def place(self, number: int, offset: int, batches: int, unit: str | None = None) -> Place:
        """A place that is free, mostly; now and then any."""
        need = campaign_days(batches)
        fit = [
            (slot, free.start)
            for slot in self.model.slots
            if slot.status == "published" and unit in {None, slot.unit}
            for free in self.model.free(slot)
            if free.number >= need
        ]
        slot, begin = one(number, fit) if number < 10 and fit else (one(number, self.model.slots), None)
        begin = slot.days.start if begin is None else begin
        # A slot that is taken whole is taken from its first day: other days are tried too, but seldom.
        return self.model.place(slot, begin + (min(offset, 0) if slot.whole else offset), batches)

    def buyer(self, booking: Booking) -> Headers:
        return self.scene.buyers[booking.owner]

    def read(self, booking: Booking, by: Headers) -> Any:
        """One booking, as it is told."""
        return self.stage.send("GET", f"/v1/bookings/{booking.id}", by).json()

    def bookings_told(self) -> list[Any]:
        """All bookings, as their CDMO is told of them."""
        told: list[Any] = self.stage.send("GET", "/v1/bookings?limit=200", self.scene.seller).json()["items"]
        return told

    def asked_anew(self, booking: Booking, before: Sequence[Proposal]) -> None:
        """Slips that could not ask a place which was not firm ask its booking now, or say another reason.

        So do those that had asked a booking which has moved, where its new place is in their way too.
        """
        standing = {each.slip: each for each in before if each.slipped.asks_by_slip(booking)}
        if not standing:
            return
        rows = self.stage.send("GET", "/v1/slip-moves?limit=200", self.scene.seller).json()["items"]
        told = {row["slip_id"]: row for row in rows if row["booking_id"] == booking.id}
        known = {each.id: each for each in self.model.proposals}
        for slip, each in standing.items():
            row = told[slip]
            assert row["unplaced_code"] in {None, "no_place"}, row
            slot = next((one for one in self.model.slots if one.id == row["slot_id"]), None)
            days = days_of(row) if row["start"] else None
            asked = Proposal(row["id"], slip, each.slipped, booking, slot, days, row["status"])
            require_sound(each.slipped.expected, [asked])
            if slot is not None and days is not None:
                others = [one.occupies for one in self.model.live_on(booking.unit) if one is not booking]
                assert not any(days.meets(one) for one in [*others, *self.model.kept_on(booking.unit, booking)])
            if row["id"] in known:
                self.model.proposals.remove(known[row["id"]])
            self.model.proposals.append(asked)

    @staticmethod
    def never(_: Any) -> None:
        """Stand for the effect of what is always refused."""
        raise AssertionError("this is always refused")

    @staticmethod
    def until(told: str, after: timedelta, no_later_than: datetime | None = None) -> datetime:
        """The instant that is told, which is so long from now, or the latest one there is."""
        until, wanted = datetime.fromisoformat(told), now() + after
        if no_later_than is not None and no_later_than <= wanted:
            assert min(no_later_than, wanted - PROMPT) <= until <= no_later_than
        else:
            assert wanted - PROMPT <= until <= wanted, f"{until} is not {after} from now"
        return until


def require_sound(expected: Days, asked: list[Proposal]) -> None:
    """Whoever is asked stands behind, keeps its length, goes later, into a slot, and in nobody's way."""
    given: list[Days] = [expected]
    for one in asked:
        present = one.asked.place.days
        assert one.asked.live
        assert present.start >= expected.start
        if one.days is None or one.slot is None:
            assert one.status == "unplaced"
            continue
        assert (one.days.number, one.slot.unit) == (present.number, one.asked.unit)
        assert one.days.start > present.start
        assert one.slot.status == "published"
        assert one.slot.days.holds(one.days)
        assert not any(one.days.meets(other) for other in (*given, one.slipped.place.days))
        given.append(one.days)
