"""Effort as it is spent, by work and by the clock."""

from __future__ import annotations

import time

import pytest

from scheduler.engines.meter import LEAST_WORK, Meter
from scheduler.tasks import Effort


def test_work_is_over_when_less_than_the_least_is_left() -> None:
    meter = Meter(Effort(work=2.0))
    meter.spend(1.5)
    assert meter.left() == 0.5
    assert not meter.is_over()
    meter.spend(0.5 - LEAST_WORK / 2)
    assert meter.is_over()
    meter.spend(1.0)
    assert meter.left() == 0.0


def test_a_part_takes_its_share_of_what_is_left_and_counts_in_its_parents() -> None:
    # 8 - 2 = 6 are left: half of that is 3, and a third of those is 1.
    meter = Meter(Effort(work=8.0))
    meter.spend(2.0)
    part = meter.part(0.5)
    inner = part.part(1 / 3)
    assert (part.left(), inner.left()) == pytest.approx((3.0, 1.0))
    inner.spend(1.0)
    assert inner.is_over()
    assert (part.work, part.left()) == pytest.approx((1.0, 2.0))
    assert (meter.work, meter.left()) == pytest.approx((3.0, 5.0))


def test_what_the_parent_spends_is_not_the_parts() -> None:
    meter = Meter(Effort(work=8.0))
    part = meter.part(0.5)
    meter.spend(3.0)
    assert (part.work, part.left()) == (0.0, 4.0)


def test_a_part_has_at_most_the_most() -> None:
    assert Meter(Effort(work=8.0)).part(0.5, most=1.25).left() == 1.25


def test_by_the_clock_work_ends_nothing_but_is_counted() -> None:
    meter = Meter(Effort(seconds=60.0, deadline=time.time() + 60.0))
    part = meter.part(0.5, most=20.0)
    part.spend(1e6)
    assert meter.work == 1e6
    assert not part.is_over()
    assert 15.0 < part.left() <= 20.0
    assert 30.0 < meter.left() <= 60.0


def test_a_deadline_that_is_past_leaves_nothing() -> None:
    meter = Meter(Effort(seconds=60.0, deadline=time.time() - 1.0))
    assert meter.is_over()
    assert meter.left() == 0.0
    assert meter.part(0.5).is_over()
