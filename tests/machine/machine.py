"""The machine: random steps of two start-ups and their CDMO, time that passes, repeats, and what others may not do."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.machine.buying import Buying
from tests.machine.playing import sides, which
from tests.machine.producing import Producing
from tests.machine.things import Verdict, iso

OF_STARTUPS = ("confirm", "release", "move")
OF_THE_CDMO = ("approve", "decline", "contract", "start", "complete", "slip")


class Machine(Buying, Producing):
    """All that happens on one scene."""

    @precondition(lambda self: self.model.bookings)
    @rule(days=st.sampled_from((0, 1, 3, 5, 10, 30, 31, 60, 90, 120)))
    def pass_time(self, days: int) -> None:
        """Days go by, or half an hour and a little: holds, questions and notices run out, and nobody sweeps."""
        self.model.lapse()
        instants = timedelta(days=days) if days else timedelta(minutes=31)
        self.stage.pass_time(self.scene, days, instants)
        self.model.pass_time(days, instants)
        self.model.lapse()
        self.versions.clear()
        self.look()

    @precondition(lambda self: any(each.unswept for each in self.model.bookings))
    @rule()
    def sweep(self) -> None:
        """What has run out is noted by a sweep."""
        self.model.lapse()
        self.stage.sweep(self.scene)
        for each in self.model.bookings:
            each.unswept = False
        self.look()

    @precondition(lambda self: self.last is not None)
    @rule(other=st.booleans())
    def repeat(self, other: bool) -> None:
        """The same request under the same key has one effect and one answer; another one is refused."""
        self.model.lapse()
        assert self.last is not None
        path, headers, body, answer = self.last
        if other:
            path, body = "/v1/keys", {"name": "another"}  # which every role may ask for
        again = self.stage.send("POST", path, headers, body)
        if other:
            assert again.json()["type"] == "urn:creneau:problem:idempotency-key-reused"
        else:
            assert (again.status_code, again.content) == (answer.status_code, answer.content)
            assert again.headers["idempotent-replayed"] == "true"
        self.look()

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, verb=st.sampled_from(OF_STARTUPS + OF_THE_CDMO + ("cancel",)), who=sides)
    def intrude(self, which: int, verb: str, who: int) -> None:
        """For others a booking does not exist, and each side does what is its own alone."""
        self.model.lapse()
        booking = self.booking(which, "held", "awaiting_cdmo", "confirmed", "in_production")
        day = iso(self.model.today())
        bodies = {
            "move": {"start": day, "reason_code": "other"},
            "decline": {"reason_code": "other"},
            "cancel": {"reason_code": "planning"},
            "contract": {"contract_status": "signed"},
            "start": {"actual_start_on": day},
            "complete": {"actual_end_on": day},
            "slip": {"expected_end_on": iso(booking.place.days.end + 9), "reason_code": "other"},
        }
        if verb == "cancel" or who == 0:
            by, against = (self.scene.buyers[1 - booking.owner], self.scene.stranger)[who], "not-found"
        else:
            by, against = self.scene.seller if verb in OF_STARTUPS else self.buyer(booking), "not-allowed"
        self.attempt(Verdict.of(against), by, "POST", f"/v1/bookings/{booking.id}/{verb}", bodies.get(verb), self.never)

    @precondition(lambda self: self.model.bookings)
    @rule(which=which)
    def act_on_what_was(self, which: int) -> None:
        """Whoever has seen another version of a booking does not change it."""
        self.model.lapse()
        booking = self.booking(which, "confirmed")
        body = {"reason_code": "planning"}
        path = f"/v1/bookings/{booking.id}/cancel"
        self.attempt(Verdict.of("stale"), self.buyer(booking), "POST", path, body, self.never, if_match='"99999"')
