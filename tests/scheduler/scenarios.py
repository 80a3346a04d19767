"""Synthetic problems for the engine's tests and benchmarks, deterministic from a seed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from scheduler.problem import Caps, Demand, Movable, Option, Problem, Surge, SurgeOption, Target, Window

ORIGIN = date(2027, 1, 1)
HORIZON_DAYS = 720
MODALITIES = 8
SCALES = 4
WEIGHTS = (1, 1, 2, 2, 4, 8)
LOW_WEIGHTS = (1, 1, 1, 1, 1, 2, 2, 2, 4, 8)
NO_CAPS = Caps()

Places = Mapping[tuple[int, int], Sequence[Window]]


def national(
    lines: int, requests: int, seed: int = 1, objectives: tuple[str, ...] = ("weight",), caps: Caps = NO_CAPS
) -> Problem:
    """Return lines of eight modalities with windows of 45 to 160 days, and requests that compete for them."""
    chance = random.Random(seed)
    windows = _windows(chance, lines)
    places = _places(windows)
    demands = tuple(_demand(chance, f"r{number}", places) for number in range(requests))
    return Problem(ORIGIN, windows, objectives, demands=demands, caps=caps)


def balanced(
    lines: int, requests: int, seed: int = 1, objectives: tuple[str, ...] = ("weight",), caps: Caps = NO_CAPS
) -> Problem:
    """Return a calendar like `national`, with short pauses between windows, and lines that take smaller scales too.

    A request for every four days of windows finds room; with one for two, some are refused. Most weights are low.
    """
    chance = random.Random(seed)
    windows = _windows(chance, lines, pause=(5, 60))
    places = _places(windows, larger=SCALES)
    demands = tuple(_demand(chance, f"r{number}", places, LOW_WEIGHTS) for number in range(requests))
    return Problem(ORIGIN, windows, objectives, demands=demands, caps=caps)


def crisis(lines: int, bookings: int, seed: int = 1, objectives: tuple[str, ...] = ()) -> Problem:
    """Return a booked calendar and a surge on a third of its windows."""
    chance = random.Random(seed)
    windows = _windows(chance, lines)
    ends = {window.id: window.start for window in windows}
    movable = []
    for number in range(bookings):
        window = chance.choice(windows)
        duration = chance.randint(12, 60)
        start = ends[window.id] + chance.choice((0, 0, 3, 10))
        if start + duration > window.end:
            continue
        ends[window.id] = start + duration
        options = tuple(
            Option(other.id, duration, start, start + 180, rank, 0, 28)
            for rank, other in enumerate(_kin(windows, window), start=1)
            if other.end - duration >= start and chance.random() < 0.5
        )
        weight = chance.choice((1, 2, 4, 8))
        recallable = chance.random() < 0.2
        movable.append(
            Movable(f"b{number}", window.id, start, start + duration, f"o{number}", weight, recallable, options)
        )
    chosen = [window for window in windows if chance.random() < 1 / 3]
    surge = Surge(
        "s1",
        (Target(120, 3_000_000), Target(210, 9_000_000), Target(300, 20_000_000)),
        tuple(SurgeOption(window.id, 24, 20, 400, 50_000, cost=900_000, lag=14) for window in chosen),
    )
    return Problem(
        ORIGIN,
        windows,
        objectives or ("surge_output", "displacement", "delay", "cost"),
        movable=tuple(movable),
        surges=(surge,),
    )


def _windows(chance: random.Random, lines: int, *, pause: tuple[int, int] = (10, 240)) -> tuple[Window, ...]:
    windows: list[Window] = []
    for line in range(lines):
        day = chance.randint(0, 60)
        while day < HORIZON_DAYS and len(windows) < 100_000:
            length = chance.randint(45, 160)
            windows.append(Window(f"w{line}-{day}", f"l{line}", day, day + length))
            day += length + chance.randint(*pause)
    return tuple(windows)


def _line_of(window: Window) -> int:
    return int(window.line[1:])


def _kin(windows: tuple[Window, ...], window: Window) -> list[Window]:
    return [other for other in windows if _line_of(other) % MODALITIES == _line_of(window) % MODALITIES]


def _places(windows: Sequence[Window], *, larger: int = 2) -> Places:
    """Return the windows for each modality and scale: on lines of that scale, and of the next so many in the round.

    With as many as there are scales there is no round: on lines of that scale or any larger one.
    """
    places: defaultdict[tuple[int, int], list[Window]] = defaultdict(list)
    for window in windows:
        modality, scale = _line_of(window) % MODALITIES, _line_of(window) // MODALITIES % SCALES
        for smaller in range(scale + 1) if larger == SCALES else range(scale, scale - larger, -1):
            places[modality, smaller % SCALES].append(window)
    return places


def _demand(chance: random.Random, name: str, places_for: Places, weights: Sequence[int] = WEIGHTS) -> Demand:
    modality = chance.choices(range(MODALITIES), weights=(30, 20, 15, 10, 10, 5, 5, 5))[0]
    duration = chance.choice((12, 18, 25, 33, 40, 55, 70, 90, 110))
    earliest = chance.randint(0, HORIZON_DAYS - 200)
    due = earliest + duration + chance.randint(30, 300)
    scale = chance.randint(0, SCALES - 1)
    places = [
        window
        for window in places_for.get((modality, scale), ())
        if max(earliest, window.start) + duration <= min(due, window.end)
    ]
    chance.shuffle(places)
    options = tuple(
        Option(
            place.id,
            duration,
            max(earliest, place.start),
            min(due, place.end) - duration,
            rank,
            chance.randint(100, 900) * 1000,
            28,
        )
        for rank, place in enumerate(places, start=1)
    )
    tier = chance.choice((1, 2, 2, 3, 3, 3))
    return Demand(name, f"o{chance.randint(1, 150)}", tier, chance.choice(weights), options)
