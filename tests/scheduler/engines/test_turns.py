"""Who has the next turn, by hand, with ways that gain what they are told to."""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.engines.incumbent import Incumbent
from scheduler.engines.meter import Meter
from scheduler.engines.turns import Improver, take_turns
from scheduler.plan import Plan
from scheduler.tasks import Effort, Task
from tests.scheduler.engines.instances import five_or_six


class Told:
    """Gains the given amounts turn by turn, then nothing, and takes all the effort it is given."""

    def __init__(self, name: str, gains: Iterable[float], turns: list[str]) -> None:
        self.name, self.gains, self.turns = name, iter(gains), turns

    def turn(self, meter: Meter) -> float:
        self.turns.append(self.name)
        meter.spend(meter.left())
        return next(self.gains, 0.0)


def turns_of(gains: dict[str, list[float]], effort: float, *, patience: float = 1e9) -> str:
    turns: list[str] = []
    told: list[Improver] = [Told(name, amounts, turns) for name, amounts in gains.items()]
    best = Incumbent(Task(five_or_six(), "weight", (), Plan(), Effort(work=effort), 1), Plan())
    take_turns(told, best, Meter(Effort(work=effort)), patience=patience)
    return "".join(turns)


def test_each_has_a_turn_first() -> None:
    assert turns_of({"a": [9.0] * 30, "b": [], "c": []}, 30.0).startswith("abc")


def test_who_gains_most_goes_on_and_the_others_come_again() -> None:
    turns = turns_of({"a": [], "b": [9.0] * 100, "c": []}, 100.0)
    assert turns.startswith("abcbbb")
    assert turns.count("b") > 3 * turns.count("a")
    assert "a" in turns[3:]
    assert "c" in turns[3:]


def test_who_gains_nothing_any_more_is_overtaken() -> None:
    turns = turns_of({"a": [100.0], "b": [2.0] * 100}, 100.0)
    assert turns[2] == "a"
    assert turns[len(turns) // 2 :].count("b") > turns[len(turns) // 2 :].count("a")


def test_without_gains_all_take_turns_alike() -> None:
    assert turns_of({"a": [], "b": [], "c": []}, 12.0).startswith("abcabc")


def test_patience_ends_with_what_gains_nothing() -> None:
    # Each turn is 5 % of what is left of 100: 5, 4.8, 4.5, the third of them idle.
    assert turns_of({"a": [1.0, 1.0]}, 100.0, patience=4.0) == "aaa"
