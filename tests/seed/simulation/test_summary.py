"""What the seeds of a policy come to together."""

from dataclasses import replace

from seed.simulation.measures import RunResult, percent, quantile, run
from seed.simulation.plan import SimulationPlan
from seed.simulation.policies import ReservePolicy
from seed.simulation.setting import kept_setting
from seed.simulation.summary import Spread, spread, summaries

NONE, SOME = ReservePolicy(0, 0, lending=False), ReservePolicy(20, 0, lending=False)


def result(policy: ReservePolicy, seed: int, delays: dict[int, int], **changes: float) -> RunResult:
    empty = run(kept_setting(SimulationPlan(days=180, lines=1, requests=0), 1), NONE).measures
    return RunResult(policy, seed, replace(empty, **changes), delays)  # type: ignore[arg-type]


def test_a_policy_is_told_by_its_median_and_its_extremes() -> None:
    runs = [result(NONE, seed, {}, idle=idle) for seed, idle in ((1, 10.0), (2, 50.0), (3, 20.0))]
    (found,) = summaries(runs)
    assert found.spreads["idle"] == Spread(20.0, 10.0, 50.0)
    assert found.spreads["delay_median_days"] is None
    assert spread([None, 3]) == Spread(3, 3, 3)


def test_delays_are_compared_over_the_requests_that_both_policies_place() -> None:
    # Seed 1: request 1 is 10 days sooner, 2 is 4 later, 3 and 4 are placed once: -3 on average. Seed 2: +5.
    runs = [
        result(NONE, 1, {1: 30, 2: 0, 3: 99}),
        result(SOME, 1, {1: 20, 2: 4, 4: 99}),
        result(NONE, 2, {1: 10}),
        result(SOME, 2, {1: 15}),
    ]
    base, other = summaries(runs)
    assert base.delay_change == Spread(0, 0, 0)
    assert other.delay_change == Spread(1.0, -3.0, 5.0)


def test_a_quantile_is_a_value_that_occurred() -> None:
    assert quantile([5, 1, 3], 0.5) == 3
    assert quantile([4, 1, 3, 2], 0.5) == 2
    assert quantile(range(1, 11), 0.9) == 9
    assert quantile([], 0.9) is None
    assert (percent(1, 3), percent(1, 0)) == (33.3, 0.0)
