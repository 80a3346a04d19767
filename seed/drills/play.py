"""Playing one drill through the interface of a running service, from the declaration to its score."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from app.commands.failure import CommandFailed
from seed.demo.client import Json, Person
from seed.demo.screen import count, how_many
from seed.drills.answers import COUNTER_DAYS, Answer, answers_to
from seed.drills.keys import AUTHORITY, COORDINATOR, VARIABLES
from seed.drills.makers import Line, largest_maker, makers, sites_of
from seed.drills.scenarios import VALID_DAYS, Scenario

SOLVE_MARGIN_S = 300.0
TIERS = 6
LOOK_SECONDS = 2.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill: its scenario, who takes part, and where its steps are told.

    Attributes
    ----------
    seed
        Of the answers, and of the solver.
    time_limit_s
        For each tier of capacity that is tried.
    sign_seconds
        How long the authority may take to sign where its key is not here.
    """

    scenario: Scenario
    people: Mapping[str, Person]
    tell: Tell
    today: date
    seed: int = 1
    time_limit_s: float = 15
    sign_seconds: float = 600

    @property
    def coordinator(self) -> Person:
        """Who leads the drill."""
        return self.people[COORDINATOR]

    def play(self) -> Json:
        """Play it whole, and return its score; whatever stops it, the drill is stood down.

        Raises
        ------
        DemoFailed
            A step was refused, or did not end in time.
        CommandFailed
            The catalogue has nobody to call, or the authority has not signed in time.
        """
        crisis = self._declare()
        path = f"/v1/crises/{crisis['id']}"
        reason = "declared_in_error"
        try:
            self._sign(path, self._plan(path))
            self.coordinator.post(f"{path}/activate", seen=self.coordinator.get(path))
            self._answer(path)
            reason = "exercise_over"
        finally:
            self.coordinator.post(f"{path}/stand-down", {"reason_code": reason}, seen=self.coordinator.get(path))
            self.tell("Stood down.")
        return self.coordinator.get(f"{path}/score")

    def _declare(self) -> Json:
        profile = self._profile()
        lines = list(self.coordinator.items("/v1/lines", modality=profile["modality"]))
        able = makers(lines, profile)
        out = largest_maker(able) if self.scenario.largest_maker_is_out else None
        if self.scenario.largest_maker_is_out and out is None:
            raise CommandFailed(f"nobody in the catalogue makes {profile['modality']}: nobody's failure can be played")
        standing = makers(lines, profile, without=out)
        start, end = str(self.today), str(self.today + timedelta(days=VALID_DAYS))
        sites = sites_of(standing, self.scenario.prequalified_sites)
        crisis = self.coordinator.post(
            "/v1/crises",
            {
                "title": self.scenario.title,
                "mode": "drill",
                "scenario": self.scenario.name,
                "start": start,
                "end": end,
                "powers": [self._power(start, end)],
                "scope": {"excluded_organisation_ids": [out] if out else []},
                "countermeasure": {**self.scenario.countermeasure, "prequalified_site_ids": sites},
                "targets": [
                    {"by": str(self.today + timedelta(days=days)), "quantity": doses}
                    for days, doses in self.scenario.targets
                ],
            },
        )
        self.tell(f"Declared, as a drill: {crisis['title']}.")
        self._tell_makers(able, out, sites)
        return crisis

    def _power(self, start: str, end: str) -> Json:
        return {
            "kind": "exercise",
            "act_reference": f"Drill {self.scenario.name}",
            "signatory": self.coordinator.organisation,
            "start": start,
            "end": end,
        }

    def _profile(self) -> Json:
        code = self.scenario.countermeasure["profile"]
        known = {one["code"]: one for one in self.coordinator.items("/v1/countermeasures")}
        if code not in known:
            raise CommandFailed(f"the service has no countermeasure profile {code!r}: it is of another version")
        return known[code]

    def _tell_makers(self, able: list[Line], out: str | None, sites: list[str]) -> None:
        names = {line["site_id"]: line["site_name"] for line in able}
        for line in able:
            if line["organisation_id"] == out:
                self.tell(f"Out of service: {line['organisation_name']}, the largest maker.")
                break
        told = ", ".join(names[site] for site in sites) or "nowhere"
        self.tell(f"{how_many(len(able), 'line')} could make it; established at: {told}.")

    def _plan(self, path: str) -> Json:
        asked = {"time_limit_s": self.time_limit_s, "choices_s": 0, "seed": self.seed}
        run_id = self.coordinator.post(f"{path}/plan", asked)["id"]
        self.tell(f"Planning, {self.time_limit_s:g} s at most for each tier ...")
        self.coordinator.wait_for_run(run_id, seconds=self.time_limit_s * TIERS + SOLVE_MARGIN_S)
        [plan] = [one for one in self.coordinator.items(f"{path}/plans") if one["status"] == "proposed"]
        body = plan["body"]
        totals = body["totals"]
        self.tell(
            f"Planned on tier {body['tier']}: {how_many(len(body['campaigns']), 'campaign')},"
            f" {how_many(len(body['displacements']), 'booking')} giving way; doses in all"
            f" {count(totals['low'])} low, {count(totals['expected'])} expected, {count(totals['high'])} high."
        )
        return plan

    def _sign(self, path: str, plan: Json) -> None:
        """Have both sign: each by a key of its own, or the authority from wherever it is."""
        command = {"plan_id": plan["id"], "plan_hash": plan["plan_hash"]}
        for name in (COORDINATOR, AUTHORITY):
            if name in self.people:
                self.people[name].post(f"{path}/sign", command)
                self.tell(f"Signed by the {name}, {self.people[name].organisation}.")
            else:
                self._wait_for_signature(path, plan)

    def _wait_for_signature(self, path: str, plan: Json) -> None:
        self.tell(f"Waiting for the authority to sign plan {plan['id']}, hash {plan['plan_hash']} ...")
        deadline = time.monotonic() + self.sign_seconds
        while self.coordinator.get(path)["status"] != "signed":
            if time.monotonic() > deadline:
                raise CommandFailed(
                    f"the authority has not signed within {self.sign_seconds:.0f} s: allow for more with"
                    f" --sign-minutes, or give its key in {VARIABLES[AUTHORITY]}"
                )
            time.sleep(LOOK_SECONDS)
        self.tell("Signed by the authority.")

    def _answer(self, path: str) -> None:
        orders = list(self.coordinator.items(f"{path}/orders"))
        answers = answers_to(orders, self.seed)
        own = {person.organisation_id: person for name, person in self.people.items() if name not in VARIABLES}
        for number, order in enumerate(orders, 1):
            self.tell(f"Order {number} of {len(orders)}: {answers[order['id']].value}.")
            self._give(f"{path}/orders/{order['id']}", order, answers[order["id"]], own.get(order["organisation_id"]))
        met = Counter(answers.values())
        played = sum(order["organisation_id"] not in own for order in orders)
        told = ", ".join(f"{met[one]} {word}" for one, word in _WORDS.items())
        self.tell(f"{how_many(len(orders), 'order')}: {told}; {played} played for CDMOs whose keys are not here.")

    def _give(self, path: str, order: Json, answer: Answer, cdmo: Person | None) -> None:
        later = date.fromisoformat(order["start"]) + timedelta(days=COUNTER_DAYS)
        counter = {"earliest": str(later), "reason_code": "staff"} if answer is Answer.COUNTER else {}
        if answer is Answer.SILENCE:
            return
        if cdmo is not None:
            cdmo.post(f"{path}/{answer.value}", counter, seen=order)
        else:
            self.coordinator.post(f"{path}/play", {"answer": answer.value, **counter}, seen=order)


_WORDS = {Answer.ACCEPT: "accepted", Answer.COUNTER: "countered", Answer.SILENCE: "left unanswered"}
