"""The CDMO's slots: published, withdrawn, resized, reclassified and split, around what is booked in them."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.machine import refusals
from tests.machine.playing import Effect, Player, one, sides, which
from tests.machine.things import Days, Slot, Verdict, iso

rarely = st.integers(0, 5).map(lambda number: number == 5)
leads = st.sampled_from((0, 1, 30, 31, 59, 60, 90, 91, 180, 181))
"""Days from today on either side of a limit of notice."""


class Selling(Player):
    """What a CDMO does with its slots."""

    def open_slots(self, lead: int, instant: bool, whole: bool) -> None:
        """A slot, another behind it, and one on the other line."""
        first, second = self.scene.units
        begin = self.model.today() + lead
        self._publish(Slot("", first, Days(begin, begin + 130)))
        self._publish(Slot("", first, Days(begin + 130, begin + 260), instant=instant, price_cents=77_777_777))
        other = Days(begin, begin + 120)
        self._publish(Slot("", second, other, instant=not instant, whole=whole, price_cents=120_000_001))

    @rule(
        unit=sides,
        begin=st.sampled_from((-20, 0, 30, 91, 181, 260, 300)),
        number=st.sampled_from((30, 60, 100, 200)),
        draft=rarely,
        whole=st.booleans(),
        instant=st.booleans(),
        price=st.sampled_from((None, 50_000_001, 150_000_000)),
        reserve=st.sampled_from(("open", "startup")),
        released=st.booleans(),
    )
    def publish(
        self,
        unit: int,
        begin: int,
        number: int,
        draft: bool,
        whole: bool,
        instant: bool,
        price: int | None,
        reserve: str,
        released: bool,
    ) -> None:
        self.model.lapse()
        start = self.model.today() + begin
        self._publish(
            Slot(
                "",
                self.scene.units[unit],
                Days(start, start + number),
                status="draft" if draft else "published",
                instant=instant,
                whole=whole,
                price_cents=price,
                reserve=reserve,
                releases_on=self.model.today() + 3 if released and reserve == "startup" else None,
            )
        )

    def _publish(self, slot: Slot) -> None:
        body = {
            "unit_id": slot.unit,
            **slot.days.told(),
            "status": slot.status,
            "approval": _approval(slot.instant),
            "divisible": not slot.whole,
            "price_cents": slot.price_cents,
            "reserve": slot.reserve,
            "releases_on": None if slot.releases_on is None else iso(slot.releases_on),
        }

        def made(told: Any) -> None:
            slot.id = told["id"]
            self.model.slots.append(slot)

        verdict = Verdict.of() if slot.status == "draft" else refusals.publish(self.model, slot, slot.days)
        self.attempt(verdict, self.scene.seller, "POST", "/v1/slots", body, made)

    @rule(which=which)
    def withdraw(self, which: int) -> None:
        self.model.lapse()
        slot = self.slot(which)

        def done(_: Any) -> None:
            slot.status = "withdrawn"

        verdict = refusals.withdraw(self.model, slot)
        self.attempt(verdict, self.scene.seller, "DELETE", f"/v1/slots/{slot.id}", None, done)

    @precondition(lambda self: any(each.status != "published" for each in self.model.slots))
    @rule(which=which)
    def publish_again(self, which: int) -> None:
        self.model.lapse()
        slot = one(which, [each for each in self.model.slots if each.status != "published"])

        def done(_: Any) -> None:
            slot.status = "published"

        verdict = refusals.publish(self.model, slot, slot.days)
        self._patch(slot, verdict, done, status="published")

    @rule(which=which, first=st.sampled_from((-30, 0, 0, 10, 43)), last=st.sampled_from((-43, -10, 0, 0, 30)))
    def resize(self, which: int, first: int, last: int) -> None:
        self.model.lapse()
        slot = self.slot(which)
        days = Days(slot.days.start + first, slot.days.end + last)
        if days.number <= 0 or days == slot.days:
            return

        def done(_: Any) -> None:
            slot.days = days

        self._patch(slot, refusals.resize(self.model, slot, days), done, **days.told())

    @rule(which=which, whole=st.booleans(), reserve=st.sampled_from(("open", "open", "startup")), instant=st.booleans())
    def reclassify(self, which: int, whole: bool, reserve: str, instant: bool) -> None:
        self.model.lapse()
        slot = self.slot(which)
        if slot.releases_on is not None:
            return

        def done(_: Any) -> None:
            slot.whole, slot.reserve, slot.instant = whole, reserve, instant

        verdict = refusals.reclassify(self.model, slot, whole=whole, reserve=reserve)
        self._patch(slot, verdict, done, divisible=not whole, reserve=reserve, approval=_approval(instant))

    @rule(unit=sides, percent=st.sampled_from((0, 15, 100)))
    def accept(self, unit: int, percent: int) -> None:
        """The CDMO owes another share of the price when it cancels: of what is booked or moved from now on."""
        self.model.lapse()
        which = self.scene.units[unit]

        def done(_: Any) -> None:
            self.model.cdmo_percents[which] = percent

        path, body = f"/v1/lines/{self.scene.line[which]}", {"cdmo_cancellation_percent": percent}
        self.attempt(Verdict.of(), self.scene.seller, "PATCH", path, body, done)

    def _patch(self, slot: Slot, verdict: Verdict, effect: Effect, **body: Any) -> None:
        self.attempt(verdict, self.scene.seller, "PATCH", f"/v1/slots/{slot.id}", body, effect)

    @rule(which=which, offset=st.sampled_from((0, 20, 43, 60, 86, 100)))
    def split(self, which: int, offset: int) -> None:
        """What lies in a part goes with it, ended bookings and what a slip asks for too."""
        self.model.lapse()
        slot = self.slot(which)
        cut = slot.days.start + offset

        def done(told: Any) -> None:
            part = Slot(**{**vars(slot), "id": told["parts"][1]["id"], "days": Days(cut, slot.days.end)})
            slot.days = Days(slot.days.start, cut)
            self.model.slots.append(part)
            for each in self.model.bookings:
                if each.place.slot is slot and part.days.holds(each.occupies):
                    each.place = each.place._replace(slot=part)
            for asked in self.model.open_proposals_in(slot):
                if asked.days is not None and part.days.holds(asked.days):
                    asked.slot = part

        verdict = refusals.split(self.model, slot, cut)
        self.attempt(verdict, self.scene.seller, "POST", f"/v1/slots/{slot.id}/split", {"at": [iso(cut)]}, done)


def _approval(instant: bool) -> str:
    return "instant" if instant else "by_cdmo"
