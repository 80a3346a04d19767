"""A scenario is the same bytes wherever it is generated, and another one for another seed number."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import date

from app.capacity.occupancy import span_of
from seed.catalogue import Catalogue
from seed.scenario.chance import Chance
from seed.scenario.generate import generate
from seed.scenario.sizes import SizeName

_PROGRAM = """
from datetime import date
from tests.seed.test_determinism import fingerprint
from seed.catalogue import read_catalogue
print(fingerprint(read_catalogue(), 7, date(2028, 2, 29)))
"""


def fingerprint(catalogue: Catalogue, seed: int, as_of: date) -> str:
    return hashlib.sha256(repr(generate(catalogue, SizeName.DEMO, seed, as_of)).encode()).hexdigest()


def test_another_process_with_another_hash_seed_generates_the_same(catalogue: Catalogue) -> None:
    printed = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
    ).stdout.strip()
    assert printed == fingerprint(catalogue, 7, date(2028, 2, 29))


def test_another_seed_number_or_day_gives_another_scenario(catalogue: Catalogue) -> None:
    days = (date(2027, 1, 1), date(2027, 1, 2))
    assert len({fingerprint(catalogue, seed, day) for seed in (1, 2) for day in days}) == 4


def test_on_another_day_the_same_things_happen_as_many_days_later(catalogue: Catalogue) -> None:
    first, later = (date(2026, 1, 1), date(2026, 5, 5))
    one, other = (generate(catalogue, SizeName.DEMO, 1, day).world for day in (first, later))
    assert [booking.id for booking in one.bookings] == [booking.id for booking in other.bookings]
    delays = {
        span_of(after.period).start_on - span_of(before.period).start_on
        for before, after in zip(one.slots, other.slots, strict=True)
    }
    assert delays == {later - first}


def test_draws_stay_what_they_have_always_been() -> None:
    chance = Chance(1, "demo", "calendar")
    assert [chance.integer(0, 999) for _ in range(4)] == [391, 520, 383, 625]


def test_draws_stay_within_their_bounds_and_keep_their_weights() -> None:
    chance = Chance("bounds")
    assert {chance.integer(2, 4) for _ in range(500)} == {2, 3, 4}
    counts = Counter(chance.weighted((("often", 9.0), ("seldom", 1.0), ("never", 0.0))) for _ in range(2_000))
    assert counts["never"] == 0
    assert 1_700 < counts["often"] < 1_900
    assert sorted(chance.sample(range(5), 9)) == [0, 1, 2, 3, 4]
