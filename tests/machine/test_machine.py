"""Random sequences of steps over the real interface leave what the model says; and a broken rule is found."""

import os
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from inspect import getmembers
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RULE_MARKER, run_state_machine_as_test

from app.bookings import decisions, ledger, service, slip_repository
from app.bookings.fees import cancellation_fee_cents
from app.core.clock import now
from tests.machine.machine import Machine
from tests.machine.stage import Stage

PROVE = bool(os.environ.get("CRENEAU_PROVE"))
PARTS, SEQUENCES = (4, 500) if PROVE else (1, 15)
"""2,000 sequences under `make prove`, in parts, so that several workers share them."""
STEPS = 15
MOST_TO_FIND = 60
"""Sequences within which a broken rule is found, where only some steps are taken."""

pytestmark = [pytest.mark.races, pytest.mark.timeout(3600)]


def play(
    stage: Stage,
    sequences: int,
    *,
    derandomize: bool,
    phases: Collection[Phase] = tuple(Phase),
    only: Collection[str] | None = None,
) -> None:
    """Run the machine on a stage: on a failure, the steps that lead to it are printed, ready to be run again.

    With `only`, it takes no other steps than these.
    """
    rules = {name for name, step in getmembers(Machine) if hasattr(step, RULE_MARKER)}
    left_out = set() if only is None else rules - set(only)
    played = type("Played", (Machine,), {"stage": stage, **dict.fromkeys(left_out)})
    chosen = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        derandomize=derandomize,
        phases=phases,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        # To set a scene takes longer than to draw the steps on it, and of many steps few are possible at first.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(played, settings=chosen)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_service_does_what_the_model_says(stage: Stage, part: int) -> None:
    play(stage, SEQUENCES, derandomize=not PROVE)
    assert stage.sequences >= SEQUENCES
    assert stage.refused > stage.steps // 10, "what is to be refused is tried too"


def test_campaigns_that_start_before_their_plan_do_what_the_model_says(stage: Stage) -> None:
    """Among all steps, two campaigns of a unit of which the later one starts early are too seldom."""
    play(stage, SEQUENCES, derandomize=not PROVE, only=("book", "start", "slip", "answer_slip", "complete", "cancel"))
    assert stage.sequences >= SEQUENCES


def _a_day_early(terms: Any, notice_days: int, *, by_cdmo: bool) -> int:
    """Cost of leaving in bands that each begin a day too early."""
    return cancellation_fee_cents(terms, notice_days + 1, by_cdmo=by_cdmo)


def _the_reservation_fee(terms: Any) -> int:
    """What a CDMO owes that gives back what it got, and no more."""
    return int(terms.reservation_fee_cents)


def _a_year_ago() -> datetime:
    """The clock of a service whose holds can be confirmed for ever."""
    return now() - timedelta(days=365)


async def _nobody(*_: object) -> list[object]:
    """Find no booking over the days of a start."""
    return []


def _anything(*_: object) -> None:
    """Let pass whatever the table of transitions forbids."""


@pytest.mark.parametrize(
    ("module", "name", "broken", "only", "told"),
    [
        (decisions, "cancellation_fee_cents", _a_day_early, ("book", "cancel"), "charges of booking"),
        (ledger, "cdmo_cancellation_cents", _the_reservation_fee, ("book", "cancel"), "fee of the CDMO.: .expected"),
        (service, "now", _a_year_ago, ("hold", "pass_time", "confirm"), "was taken in spite of .*hold-expired"),
        (decisions, "require_way", _anything, ("release",), "was taken in spite of .*wrong-status"),
        (slip_repository, "live_bookings_over", _nobody, ("book", "start"), "was taken in spite of .*slot-taken"),
    ],
    ids=[
        "bands of notice",
        "what a CDMO owes",
        "holds that run out",
        "only a hold is released",
        "no start over another",
    ],
)
def test_a_broken_rule_is_found(
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    broken: Callable[..., object],
    only: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.setattr(module, name, broken)
    with pytest.raises(AssertionError, match=told):
        play(stage, MOST_TO_FIND, derandomize=True, phases=(Phase.generate,), only=only)
