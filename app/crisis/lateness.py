"""Whether what was planned can still be done by today: campaigns lie ahead, and nobody gives way at short notice.

A plan counts its days from the day that it was made from, and may be signed and activated days later; so may the plans
to choose from, which take their time to be made. Nothing is counted anew: what has become too late is refused when it
is signed or activated, and planned again.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from app.core.clock import today
from app.crisis.declaration import CrisisRules
from app.crisis.rules import days_of, frozen_until
from app.crisis.standing import awaited_anew


class Recall(NamedTuple):
    """A lot that gives way by its own clause: the day on which it starts, and the notice that it is to have."""

    start_on: date
    notice_days: int


def too_late(
    rules: CrisisRules,
    campaigns: Iterable[date],
    lots: Iterable[date],
    recalls: Iterable[Recall] = (),
    *,
    to_answer: timedelta = timedelta(0),
) -> dict[str, Any]:
    """Return which campaigns should have started, and which lots would have too little notice; nothing if none.

    Parameters
    ----------
    campaigns
        The days on which campaigns are to start; that may be today.
    lots
        The days on which the lots start that would give way: not within the frozen days of the last day to accept.
    recalls
        Those of them that give way by their own clause, and are told so now.
    to_answer
        What the CDMO has from now on to accept; nothing if it does so now.
    """
    present = today()
    until = frozen_until(rules, present + to_answer)
    found = {
        "campaigns_past": sorted(day.isoformat() for day in campaigns if day < present),
        "lots_frozen": sorted(day.isoformat() for day in lots if day < until),
        "recalls_short": sorted(
            one.start_on.isoformat() for one in recalls if one.start_on < present + timedelta(days=one.notice_days)
        ),
    }
    return {**found, "frozen_until": until.isoformat()} if any(found.values()) else {}


def lateness_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a plan has become too late to be activated today; nothing if all of it is in time.

    An order is not issued where its CDMO could not accept it until its time to answer is over. Lots that gave way
    before the amendment were told then, and have no notice to wait for.
    """
    rules = CrisisRules.model_validate(body["rules"])
    lots = [one["from"]["start"] for one in body["displacements"]]
    lots += [one["start"] for one in awaited_anew(body) if "start" in one]
    recalls = [
        Recall(date.fromisoformat(one["from"]["start"]), one["notice_days"])
        for one in body["displacements"]
        if one.get("notice_days") is not None
    ]
    return too_late(
        rules,
        [date.fromisoformat(one["start"]) for one in body["campaigns"]],
        [date.fromisoformat(day) for day in lots],
        recalls,
        to_answer=days_of(rules.response_hours),
    )
