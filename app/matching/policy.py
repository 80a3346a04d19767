"""Settings of matching that a decision stores with itself: data, with a version, never constants in the rules."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """How strict matching is.

    Attributes
    ----------
    feasibility_required
        A line that is not standard serves only what its CDMO has found feasible. A round asks this; a direct
        booking does not, for the CDMO then approves the booking itself.
    lending_discount_percent
        Taken off the price of a campaign in a lent crisis slot, which may be recalled.
    """

    version: str = "match/1"
    feasibility_required: bool = False
    lending_discount_percent: int = 10


DIRECT = MatchPolicy()
"""For search and for booking at once."""

ROUND = MatchPolicy(feasibility_required=True)
"""For rounds, which place a request only where it is feasible."""
