"""What a soak calls a fault: growth, what is lost, and a load that does not go on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tests.soak.judging import faults
from tests.soak.watching import Minute, Rest, Sample

MOST = {"creneau-api": 4}


def minute(
    *, memory_mb: Sequence[float] = (100.0, 100.0, 100.0), connections: Mapping[str, int] | None = None
) -> Minute:
    open_ = MOST if connections is None else connections
    return Minute(tuple(Sample({"the API": one}, open_) for one in memory_mb), (7, 8), Rest(0, 0, 1))


SOUND = minute()


def test_sound_minutes_have_no_fault() -> None:
    assert list(faults([SOUND, minute(memory_mb=(100.0, 104.0, 109.0))], MOST)) == []


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (minute(memory_mb=(100.0, 100.0, 111.0)), "memory of the API grew from 100 to 111 MB"),
        (minute(connections={"creneau-api": 5}), "5 connections of creneau-api, which may have 4"),
        (minute(connections={}), "0 connections of creneau-api, which may have 4"),
        (replace(SOUND, rest=Rest(1, 0, 1)), "1 connections were in use with no request in flight, in minute 1"),
        (replace(SOUND, rest=Rest(0, 2, 1)), "2 transactions were left open, in minute 1"),
        (replace(SOUND, rest=Rest(0, 0, 0)), "no worker lived, in minute 1"),
        (replace(SOUND, done=(7, 0)), "client 1 got nothing done, in minute 1"),
    ],
)
def test_each_fault_is_named(wrong: Minute, fault: str) -> None:
    assert list(faults([wrong], MOST)) == [fault]
