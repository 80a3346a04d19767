"""Reading of the command's options: a fault names the option, the word and the rule."""

from __future__ import annotations

from typing import TypeVar

from app.commands.failure import CommandFailed
from app.crisis.models import PowerKind
from seed.simulation.batch import Experiment
from seed.simulation.countermeasures import COUNTERMEASURES
from seed.simulation.plan import RANDOM, SimulationPlan
from seed.simulation.policies import ReservePolicy

Chosen = TypeVar("Chosen")

WHOLE = 100
POWERS = {
    "reserve": PowerKind.RESERVE_CONTRACT,
    "voluntary": PowerKind.VOLUNTARY,
    "order": PowerKind.REQUISITION_OR_ORDER,
}
LENDING = {"on": True, "off": False}
NONE = "none"


def percents(option: str, text: str) -> tuple[int, ...]:
    """Shares in whole percent, such as 0,10,20.

    Raises
    ------
    CommandFailed
        One is no whole number from 0 to 100.
    """
    found = []
    for word in _words(option, text):
        if not (word.isascii() and word.isdigit() and int(word) <= WHOLE):
            raise CommandFailed(f"{option} {text}: {word!r} is no whole number of percent from 0 to {WHOLE}")
        found.append(int(word))
    return tuple(found)


def lendings(text: str) -> tuple[bool, ...]:
    """Whether the crisis reserve is lent: on, off, or both.

    Raises
    ------
    CommandFailed
        A word is neither.
    """
    return tuple(_chosen("--lending", text, LENDING))


def powers(text: str) -> tuple[PowerKind, ...]:
    """The powers of the crisis, or none.

    Raises
    ------
    CommandFailed
        A word names no power.
    """
    return () if text.strip() == NONE else tuple(dict.fromkeys(_chosen("--powers", text, POWERS, NONE)))


def _chosen(option: str, text: str, known: dict[str, Chosen], *others: str) -> list[Chosen]:
    words = _words(option, text)
    for word in words:
        if word not in known:
            raise CommandFailed(f"{option} {text}: {word!r} is none of {', '.join([*known, *others])}")
    return [known[word] for word in words]


def _words(option: str, text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise CommandFailed(f"{option} {text}: write a list separated by commas, without an empty place")
    return words


def countermeasure(text: str) -> str:
    """The name of a countermeasure, or random.

    Raises
    ------
    CommandFailed
        There is none of that name.
    """
    if text not in COUNTERMEASURES and text != RANDOM:
        raise CommandFailed(f"--countermeasure {text}: there are {', '.join([*COUNTERMEASURES, RANDOM])}")
    return text


def require_room(found: tuple[ReservePolicy, ...]) -> None:
    """Make sure that the two reserves of every policy leave something, or nothing, of the calendar.

    Raises
    ------
    CommandFailed
        They come to more than all of it.
    """
    for policy in found:
        if policy.startup_percent + policy.crisis_percent > WHOLE:
            raise CommandFailed(
                f"--start-up {policy.startup_percent} and --crisis {policy.crisis_percent} come to more than {WHOLE} %"
            )


def command_of(experiment: Experiment) -> str:
    """The command that makes the same files again."""
    plan: SimulationPlan = experiment.plan
    shares = {
        "start-up": dict.fromkeys(policy.startup_percent for policy in experiment.policies),
        "crisis": dict.fromkeys(policy.crisis_percent for policy in experiment.policies),
    }
    lent = dict.fromkeys(policy.lending for policy in experiment.policies if policy.crisis_percent) or {False: None}
    named = {kind: name for name, kind in POWERS.items()}
    words = [
        *(f"--{name} {','.join(map(str, values))}" for name, values in shares.items()),
        f"--lending {','.join('on' if lending else 'off' for lending in lent)}",
        f"--seeds {len(experiment.seeds)} --first-seed {experiment.seeds[0]}",
        f"--days {plan.days} --lines {plan.lines} --requests {plan.requests}",
        f"--countermeasure {plan.countermeasure} --powers {','.join(named[one] for one in plan.powers) or NONE}",
        f"--budget {plan.budget:g} --out DIR",
    ]
    return f"creneau simulate {' '.join(words)}"
