"""The columns of the table of policies, on the terminal and in the report."""

from __future__ import annotations

from typing import NamedTuple

from seed.simulation.summary import Spread, Summary

CENTS_OF_A_MILLION = 100_000_000


class Column(NamedTuple):
    """A heading in two lines, the measure under it, and what one of its units is worth."""

    heading: str
    measure: str
    unit: float = 1
    digits: int = 0


COLUMNS = (
    Column("median delay, d", "delay_median_days"),
    Column("p90 delay, d", "delay_p90_days"),
    Column("unmet weight, %", "startup_unmet_weight", digits=1),
    Column("still waiting, %", "startup_waiting"),
    Column("others unmet, %", "established_unmet_weight", digits=1),
    Column("idle, %", "idle", digits=1),
    Column("crisis idle, %", "crisis_idle"),
    Column("k doses d30", "doses_30", 1_000),
    Column("k doses d60", "doses_60", 1_000),
    Column("k doses d90", "doses_90", 1_000),
    Column("d90 of reserve", "reserve_doses_90", 1_000),
    Column("displaced", "displaced"),
    Column("moved", "moved"),
    Column("cost, M€", "public_cents", CENTS_OF_A_MILLION, 1),
)

POLICY_HEADINGS = ("start-up %", "crisis %", "lent")


def policy_cells(summary: Summary) -> tuple[str, str, str]:
    """How a policy is told: its two shares, and whether the crisis reserve is lent."""
    policy = summary.policy
    lent = "" if not policy.crisis_percent else "yes" if policy.lending else "no"
    return str(policy.startup_percent), str(policy.crisis_percent), lent


def cells(summary: Summary, *, with_spread: bool) -> list[str]:
    """The figures of a policy: the median over the seeds, with the least and the greatest where asked."""
    found = [_cell(summary.delay_change, Column("", ""), with_spread=with_spread, signed=True)]
    return (
        [_cell(summary.spreads[one.measure], one, with_spread=with_spread) for one in COLUMNS[:2]]
        + found
        + [_cell(summary.spreads[one.measure], one, with_spread=with_spread) for one in COLUMNS[2:]]
    )


def headings() -> list[str]:
    """What stands over the cells."""
    named = [one.heading for one in COLUMNS]
    return [*named[:2], "same asks, d", *named[2:]]


def _cell(spread: Spread | None, column: Column, *, with_spread: bool, signed: bool = False) -> str:
    if spread is None:
        return "–"
    shown = [
        f"{value / column.unit:{'+' if signed else ''},.{column.digits}f}"
        for value in (spread.median, spread.least, spread.greatest)
    ]
    return f"{shown[0]} ({shown[1]} to {shown[2]})" if with_spread else shown[0]
