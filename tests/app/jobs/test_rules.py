"""How long a job waits to be tried again, and how attempts may end."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import StateConflict
from app.jobs.models import Outcome
from app.jobs.rules import LONGEST_DELAY, TRANSITIONS, TRIES, delay_after, require_transition

BASES = st.timedeltas(timedelta(milliseconds=1), timedelta(hours=1))
CHANCES = st.floats(0, 1, exclude_max=True)


@given(tries=st.integers(1, 1_000), base=BASES, chances=st.tuples(CHANCES, CHANCES))
def test_a_job_waits_longer_each_time_but_an_hour_at_most(
    tries: int, base: timedelta, chances: tuple[float, float]
) -> None:
    earlier, later = (delay_after(tries + number, base, chance) for number, chance in enumerate(chances))
    assert timedelta(0) < earlier <= later <= LONGEST_DELAY


def test_the_first_waits_are_as_worked_out_by_hand() -> None:
    base = timedelta(seconds=5)
    assert [delay_after(tries, base, 0).total_seconds() for tries in (1, 2, 3, 4, 9)] == [5, 20, 80, 320, 3600]
    assert delay_after(1, base, 0.5) == timedelta(seconds=5.5)


def test_only_what_people_decide_follows_an_end() -> None:
    assert set(TRANSITIONS) == {None, *Outcome}
    after_an_end = {before: after for before, after in TRANSITIONS.items() if before is not None and after}
    assert after_an_end == {Outcome.PARKED: {Outcome.RETRIED, Outcome.DROPPED}}
    assert TRANSITIONS[None] >= TRIES
    for before in (Outcome.DONE, Outcome.DROPPED, Outcome.LOST):
        with pytest.raises(StateConflict, match=before.value):
            require_transition(before, Outcome.RETRIED)
    with pytest.raises(StateConflict, match="open"):
        require_transition(None, Outcome.RETRIED)
