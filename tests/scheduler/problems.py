"""Tiny problems: random ones for properties, and short ways to write one down."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from scheduler.problem import (
    Caps,
    Demand,
    Fixed,
    Movable,
    Option,
    Problem,
    Surge,
    SurgeOption,
    Target,
    Window,
    Yield,
)

ORIGIN = date(2027, 1, 1)
WINDOWS = (Window("w1", "l1", 0, 6), Window("w2", "l1", 8, 12), Window("w3", "l2", 0, 5))
NAMES = ["weight:1", "weight:2", "weight", "parties", "delay", "rank", "cost"]


@st.composite
def options(draw: st.DrawFn, slack: int = 4) -> Option:
    window = draw(st.sampled_from(WINDOWS))
    earliest = draw(st.integers(window.start, window.end - 1))
    return Option(
        window.id,
        draw(st.integers(1, 4)),
        earliest,
        earliest + draw(st.integers(0, slack)),
        draw(st.integers(1, 3)),
        draw(st.integers(0, 5)),
        draw(st.integers(0, 2)),
    )


@st.composite
def demands(draw: st.DrawFn, name: str, slack: int = 4) -> Demand:
    return Demand(
        name,
        draw(st.sampled_from(["o1", "o2"])),
        draw(st.integers(1, 2)),
        draw(st.integers(0, 4)),
        tuple(draw(st.lists(options(slack), max_size=2))),
    )


@st.composite
def bookings(draw: st.DrawFn, name: str) -> Movable:
    window = draw(st.sampled_from(WINDOWS))
    start = draw(st.integers(window.start, window.end - 1))
    return Movable(
        name,
        window.id,
        start,
        draw(st.integers(start + 1, min(window.end, start + 3))),
        None,
        draw(st.integers(1, 3)),
        draw(st.booleans()),
        tuple(draw(st.lists(options(), max_size=1))),
        draw(st.integers(0, 3)),
    )


@st.composite
def surges(draw: st.DrawFn) -> Surge:
    window = draw(st.sampled_from(WINDOWS))
    earliest = draw(st.integers(window.start, window.end - 2))
    several = draw(st.booleans())
    option = SurgeOption(
        window.id,
        draw(st.integers(2, 3)),
        earliest,
        earliest + draw(st.integers(0, 4)),
        output=None if several else draw(st.integers(1, 3)),
        yields=(Yield(2, 1), Yield(3, 2)) if several else None,
        cost=draw(st.integers(0, 3)),
        lag=draw(st.integers(0, 1)),
    )
    targets = [Target(draw(st.integers(3, 12)), draw(st.integers(1, 6))) for _ in range(draw(st.integers(1, 2)))]
    return Surge("s1", tuple(targets), (option,))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Return a problem small enough to try every plan of."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    movable = tuple(draw(bookings(f"b{n}")) for n in range(draw(st.integers(0, 2))))
    surge = tuple(draw(surges()) for _ in range(draw(st.integers(0, 1))))
    if movable:
        names.insert(draw(st.integers(0, len(names))), draw(st.sampled_from(["displacement", "bookings"])))
    if surge:
        names.insert(draw(st.integers(0, len(names))), "surge_output")
    fixed = (Fixed("f1", "w1", 2, 3),) if draw(st.booleans()) else ()
    limits = draw(
        st.dictionaries(st.sampled_from(["displacement", "delay", "rank", "cost"]), st.integers(2, 12), max_size=1)
        | st.fixed_dictionaries({"bookings": st.integers(0, 1)})
    )
    most = st.one_of(st.none(), st.integers(0, 2))
    caps = Caps(draw(most), draw(st.one_of(st.none(), st.integers(1, 6))))
    asked = tuple(draw(demands(f"r{n}")) for n in range(draw(st.integers(0, 3))))
    return Problem(ORIGIN, WINDOWS, tuple(names), fixed, asked, movable, surge, caps, limits)


@st.composite
def crowded_problems(draw: st.DrawFn) -> Problem:
    """Return a problem of four to six demands, each with few starts, so that every plan can be tried."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    caps = Caps(draw(st.one_of(st.none(), st.integers(1, 3))), draw(st.one_of(st.none(), st.integers(3, 9))))
    asked = tuple(draw(demands(f"r{n}", 1)) for n in range(draw(st.integers(4, 6))))
    return Problem(ORIGIN, WINDOWS, tuple(names), (), asked, (), (), caps)
