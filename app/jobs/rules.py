"""How attempts end, and when a job is tried again."""

from collections.abc import Mapping
from datetime import timedelta

from app.core.errors import StateConflict
from app.jobs.models import Outcome

GROWTH = 4
LONGEST_DELAY = timedelta(hours=1)
JITTER = 0.2
"""What fails together is not tried again together."""

TRANSITIONS: Mapping[Outcome | None, frozenset[Outcome]] = {
    None: frozenset({Outcome.DONE, Outcome.FAILED, Outcome.LOST, Outcome.GIVEN_BACK, Outcome.PARKED}),
    Outcome.PARKED: frozenset({Outcome.RETRIED, Outcome.DROPPED}),
    Outcome.DONE: frozenset(),
    Outcome.FAILED: frozenset(),
    Outcome.LOST: frozenset(),
    Outcome.GIVEN_BACK: frozenset(),
    Outcome.RETRIED: frozenset(),
    Outcome.DROPPED: frozenset(),
}

TRIES = frozenset({Outcome.FAILED, Outcome.LOST})
"""What counts towards the limit of tries; a job that a stopping worker gave back was not tried."""


def require_transition(before: Outcome | None, after: Outcome) -> None:
    """Make sure that an attempt may go from one outcome to another.

    Raises
    ------
    StateConflict
        If it may not.
    """
    if after not in TRANSITIONS[before]:
        raise StateConflict(f"An attempt that is {before.value if before else 'open'} does not become {after.value}.")


def delay_after(tries: int, base: timedelta, chance: float) -> timedelta:
    """Return how long a job waits after so many tries: longer each time, an hour at most, and a little by chance.

    Parameters
    ----------
    tries
        From 1.
    base
        The wait after the first one.
    chance
        In [0, 1); adds up to a fifth.
    """
    seconds = LONGEST_DELAY.total_seconds()
    for_tries = base.total_seconds() * GROWTH ** min(tries - 1, 32)
    return timedelta(seconds=min(for_tries * (1 + JITTER * chance), seconds))
