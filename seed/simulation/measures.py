"""What a simulated year comes to: the measures of one policy and one seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from math import ceil
from typing import Any

from app.core.vocabulary import Reserve
from app.crisis.rules import Tier
from app.requests.priority import derive_priority
from seed.simulation.assumptions import failed_share
from seed.simulation.crisis import TARGET_DAYS, doses_by
from seed.simulation.play import Case, Play, State
from seed.simulation.policies import ReservePolicy
from seed.simulation.setting import Setting


@dataclass(frozen=True, slots=True)
class Measures:
    """Figures of one run. Requests are those submitted in the year that some line could make.

    Attributes
    ----------
    startup_requests, established_requests
        How many asked.
    delay_median_days, delay_p90_days
        Of the start-ups that were placed, from the first day on which any line could have started for it, were it
        empty, to its start. None where nobody was placed.
    startup_placed, startup_waiting, startup_unmet, startup_withdrawn
        Shares in percent: each request ends in exactly one of these.
    startup_unmet_weight, established_unmet_weight
        Share of the weight (points of priority on arrival) of those that gave up or ran out of time.
    idle, crisis_idle
        Share of the published days of the year on which nothing ran: of all, of the crisis reserve (None without).
    startup_share, crisis_share
        Share of the published days of the year that the reserves came to: slots are whole.
    doses_30, doses_60, doses_90
        Released by that day of the crisis, batches that failed left out.
    reserve_doses_90
        Those of them that slots of the crisis reserve made.
    ready_30, ready_60, ready_90
        The doses as a share of what was wanted by that day, at most 100; None where nobody could make any by then.
    displaced, moved
        Projects that lost their place to the crisis, and those that were given a later one.
    readiness_cents, crisis_cents, compensation_cents, public_cents
        Readiness fees of the year; campaigns ordered; owed to those displaced; and the sum of the three.
    """

    startup_requests: int
    established_requests: int
    delay_median_days: float | None
    delay_p90_days: float | None
    startup_placed: float
    startup_waiting: float
    startup_unmet: float
    startup_withdrawn: float
    startup_unmet_weight: float
    established_unmet_weight: float
    idle: float
    crisis_idle: float | None
    startup_share: float
    crisis_share: float
    doses_30: int
    doses_60: int
    doses_90: int
    reserve_doses_90: int
    wanted_30: int
    wanted_60: int
    wanted_90: int
    ready_30: float | None
    ready_60: float | None
    ready_90: float | None
    campaigns: int
    displaced: int
    moved: int
    failed_batches: int
    repeats_unmet: int
    readiness_cents: int
    crisis_cents: int
    compensation_cents: int
    public_cents: int
    prices_cents: int
    capped_cents: int
    lent_cents: int
    cancellation_cents: int
    lost_batches_cents: int


MEASURES = tuple(field.name for field in fields(Measures))


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run: its policy, its seed, its measures, and the delay of each start-up's request that was placed."""

    policy: ReservePolicy
    seed: int
    measures: Measures
    delays: Mapping[int, int]


def run(setting: Setting, policy: ReservePolicy) -> RunResult:
    """Play a year under a policy and measure it."""
    play = Play(setting, policy)
    play.finish()
    return RunResult(policy, setting.seed, measures_of(play), _delays(play))


def percent(part: float, whole: float) -> float:
    """A share in percent, to a tenth; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0


def quantile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that at least a share of the values do not exceed; None of no values."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def _delays(play: Play) -> dict[int, int]:
    return {
        case.arrival.number: max(0, (case.start_on - case.arrival.wished_on).days)
        for case in play.measured()
        if case.state is State.PLACED and case.start_on is not None and case.arrival.is_startup
    }


def measures_of(play: Play) -> Measures:
    """The measures of a year that has been played."""
    asked = [case for case in play.measured() if case.arrival.is_servable]
    startups = [case for case in asked if case.arrival.is_startup]
    others = [case for case in asked if not case.arrival.is_startup]
    delays = list(_delays(play).values())
    return Measures(
        startup_requests=len(startups),
        established_requests=len(others),
        delay_median_days=quantile(delays, 0.5),
        delay_p90_days=quantile(delays, 0.9),
        startup_placed=_ended(startups, State.PLACED),
        startup_waiting=_ended(startups, State.WAITING),
        startup_unmet=_ended(startups, State.UNMET),
        startup_withdrawn=_ended(startups, State.WITHDRAWN),
        startup_unmet_weight=_unmet_weight(startups),
        established_unmet_weight=_unmet_weight(others),
        displaced=sum(case.displaced for case in play.cases.values()),
        moved=sum(case.moved for case in play.cases.values()),
        failed_batches=play.failed_batches,
        repeats_unmet=sum(
            case.state is State.UNMET and case.arrival.repeats is not None for case in play.cases.values()
        ),
        campaigns=len(play.settled.campaigns),
        **_use(play),
        **_readiness(play),
        **_money(play),
    )


def _ended(cases: Sequence[Case], state: State) -> float:
    return percent(sum(case.state is state for case in cases), len(cases))


def _weight(case: Case) -> int:
    return derive_priority(case.arrival.priority, case.arrival.arrived_on).points


def _unmet_weight(cases: Sequence[Case]) -> float:
    unmet = [case for case in cases if case.state is State.UNMET]
    return percent(sum(map(_weight, unmet)), sum(map(_weight, cases)))


def _use(play: Play) -> dict[str, Any]:
    """How much of the published days was used, and how large the reserves came to be."""
    days: dict[Reserve, int] = dict.fromkeys(Reserve, 0)
    used: dict[Reserve, int] = dict.fromkeys(Reserve, 0)
    for slot, published, booked in play.calendar.used_days(play.year):
        days[slot.reserve] += published
        used[slot.reserve] += booked
    whole, crisis = sum(days.values()), days[Reserve.CRISIS]
    return {
        "idle": percent(whole - sum(used.values()), whole),
        "crisis_idle": percent(crisis - used[Reserve.CRISIS], crisis) if crisis else None,
        "startup_share": percent(days[Reserve.STARTUP], whole),
        "crisis_share": percent(crisis, whole),
    }


def _readiness(play: Play) -> dict[str, Any]:
    brief = play.setting.crisis
    found: dict[str, Any] = {}
    share = failed_share(brief.countermeasure.modality, first_lot=False)
    wanted = {(target.by - brief.as_of_on).days: target.quantity for target in brief.targets}
    for after in TARGET_DAYS:
        by = brief.as_of_on + timedelta(days=after)
        doses = doses_by(play.settled, by, play.setting.seed, share)
        found[f"doses_{after}"] = doses
        found[f"wanted_{after}"] = wanted.get(after, 0)
        found[f"ready_{after}"] = min(100.0, percent(doses, wanted[after])) if wanted.get(after) else None
    last = brief.last_target_on
    found["reserve_doses_90"] = doses_by(play.settled, last, play.setting.seed, share, upto=Tier.LENT_CRISIS)
    return found


def _money(play: Play) -> dict[str, int]:
    money, year = play.money, play.year
    each = play.setting.plan.assumptions.readiness_fee_cents_per_day
    kept = sum(days for slot, days, _ in play.calendar.used_days(year) if slot.reserve is Reserve.CRISIS)
    readiness = kept * each
    return {
        "readiness_cents": readiness,
        "crisis_cents": money.crisis_orders_cents,
        "compensation_cents": money.compensation_cents,
        "public_cents": readiness + money.crisis_orders_cents + money.compensation_cents,
        "prices_cents": money.prices_cents,
        "capped_cents": money.capped_cents,
        "lent_cents": money.lent_cents,
        "cancellation_cents": money.cancellation_fees_cents - money.resale_credits_cents,
        "lost_batches_cents": money.lost_batches_cents,
    }
