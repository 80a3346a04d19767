"""What may become of a round, and what of it may still change: pure tables."""

from collections.abc import Mapping
from enum import StrEnum

from app.allocation.models import RoundStatus
from app.core.errors import StateConflict

S = RoundStatus

TRANSITIONS: Mapping[RoundStatus, frozenset[RoundStatus]] = {
    S.DRAFT: frozenset({S.OPEN, S.CANCELLED}),
    S.OPEN: frozenset({S.CLOSED, S.CANCELLED}),
    S.CLOSED: frozenset({S.SOLVED, S.CANCELLED}),
    S.SOLVED: frozenset({S.SOLVED, S.REVIEWED, S.PUBLISHED, S.CANCELLED}),
    S.REVIEWED: frozenset({S.SOLVED, S.REVIEWED, S.PUBLISHED, S.CANCELLED}),
    S.PUBLISHED: frozenset({S.SETTLED}),
    S.SETTLED: frozenset(),
    S.CANCELLED: frozenset(),
}
"""From a status to those that may follow it: after publication offers bind, and nothing is taken back."""

SOLVABLE = frozenset({S.CLOSED, S.SOLVED, S.REVIEWED})
"""The slots are frozen and nothing is promised yet: the round may be solved, again too."""

PLANNED = frozenset({S.SOLVED, S.REVIEWED})
"""There is a plan that may be changed by hand or published."""

CHANGEABLE: Mapping[RoundStatus, frozenset[str]] = {
    S.DRAFT: frozenset(
        {"name", "reserves", "modalities", "regions", "horizon", "as_of_on", "closes_at", "offer_hours", "policy"}
    ),
    S.OPEN: frozenset({"name", "closes_at", "offer_hours"}),
}
"""What may change of a round: once it is open, its scope and policy are what start-ups submitted under."""


class AdjustmentReason(StrEnum):
    """Why a coordinator changes a plan by hand, coded."""

    CDMO_UNAVAILABLE = "cdmo_unavailable"
    CONTINUITY_OF_CARE = "continuity_of_care"
    DATA_ERROR = "data_error"
    DUPLICATE_REQUEST = "duplicate_request"
    REGULATORY = "regulatory"
    REQUEST_CHANGED = "request_changed"
    OTHER = "other"


class OfferDeclineReason(StrEnum):
    """Why a start-up declines an offer, coded."""

    DATES = "dates"
    PRICE = "price"
    SITE = "site"
    FOUND_ELSEWHERE = "found_elsewhere"
    PROJECT_CHANGED = "project_changed"
    OTHER = "other"


def require_transition(before: RoundStatus, after: RoundStatus) -> None:
    """Let pass only a change of status that the table knows.

    Raises
    ------
    StateConflict
        For any other; its facts name the status and those that may follow.
    """
    allowed = TRANSITIONS[before]
    if after not in allowed:
        raise StateConflict(
            f"A round that is {before.value} cannot become {after.value}.",
            facts={"round_status": before.value, "allowed": sorted(allowed)},
        )


def require_status(before: RoundStatus, among: frozenset[RoundStatus], what: str) -> None:
    """Let pass only a round in one of these statuses.

    Raises
    ------
    StateConflict
        In any other status.
    """
    if before not in among:
        named = " or ".join(sorted(status.value for status in among))
        raise StateConflict(
            f"{what} takes a round that is {named}; this one is {before.value}.",
            facts={"round_status": before.value, "allowed": sorted(among)},
        )
