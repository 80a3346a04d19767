"""What a simulated year rests on beside the catalogue and the service's own rules, each figure with its basis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from app.bookings.models import FailureCause
from seed.scenario.calendars import CAP_SHARE, READINESS_FEE_CENTS_PER_DAY

ILLUSTRATIVE, CHOICE = "illustrative", "choice"

FAILED_SHARE: Mapping[str, float] = {
    "monoclonal_antibody": 0.04,
    "viral_vector_aav": 0.10,
    "viral_vector_lentivirus": 0.10,
    "viral_vector_other": 0.10,
    "oncolytic_virus": 0.10,
    "vaccine_viral": 0.10,
    "cell_therapy_autologous": 0.055,
}
"""Share of batches that fail: the middle of each range in `seed/data/README.md`, section 3."""

FAILED_SHARE_OTHERWISE = 0.06
FIRST_LOT_FAILED_SHARE = 0.10
"""Of a product that the site has never made: "8 to 12 percent for vectors and first GMP lots"."""

CAUSES = ((FailureCause.CDMO, 50.0), (FailureCause.PRODUCT, 30.0), (FailureCause.UNKNOWN, 20.0))
"""On which side the cause of a failed batch lies; no source."""


def _figure(default: Any, basis: str, meaning: str) -> Any:
    return field(default=default, metadata={"basis": basis, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The figures of a simulation. A `choice` is the coordinator's to take; what is `illustrative` has no source."""

    warm_up_days: int = _figure(180, CHOICE, "days played before the year that is measured, from empty calendars")
    published_ahead_days: int = _figure(365, ILLUSTRATIVE, "days ahead of its start that a slot is published")
    round_every_days: int = _figure(30, CHOICE, "days from one allocation round to the next")
    released_before_days: int = _figure(90, CHOICE, "days before its start that a start-up slot falls to the market")
    recall_notice_days: int = _figure(14, CHOICE, "notice by which a lent crisis slot is recalled")
    longest_lent_days: int = _figure(90, CHOICE, "longest campaign in a lent crisis slot")
    established_share: float = _figure(
        0.5, ILLUSTRATIVE, "share of the requests that come from established or foreign clients, not French start-ups"
    )
    contented_days: int = _figure(
        60, ILLUSTRATIVE, "delay of a free place that a start-up takes without a look at its reserve"
    )
    shortest_patience_days: int = _figure(120, ILLUSTRATIVE, "days without a place before the first start-ups give up")
    longest_patience_days: int = _figure(540, ILLUSTRATIVE, "days without a place after which all have given up")
    cancelled_share: float = _figure(
        0.12, ILLUSTRATIVE, "share of the requests whose booking is cancelled by its owner"
    )
    startup_cap_share: float = _figure(CAP_SHARE, ILLUSTRATIVE, "capped price in the start-up reserve, of the listed")
    readiness_fee_cents_per_day: int = _figure(
        READINESS_FEE_CENTS_PER_DAY, ILLUSTRATIVE, "readiness fee of a day of the crisis reserve, in cents"
    )
    prequalified_share: float = _figure(
        0.7, ILLUSTRATIVE, "share of the sites at which the countermeasure is qualified before the crisis"
    )
    target_share: float = _figure(
        0.6, ILLUSTRATIVE, "doses wanted by each target, of what the published slots could make if nothing were booked"
    )


def explained(assumptions: Assumptions) -> list[tuple[str, str, str, str]]:
    """Each figure: name, value, basis, meaning."""
    return [
        (one.name, f"{getattr(assumptions, one.name):g}", one.metadata["basis"], one.metadata["meaning"])
        for one in fields(assumptions)
    ]


def failed_share(modality: str, *, first_lot: bool) -> float:
    """The share of batches that fail."""
    usual = FAILED_SHARE.get(modality, FAILED_SHARE_OTHERWISE)
    return max(usual, FIRST_LOT_FAILED_SHARE) if first_lot else usual
