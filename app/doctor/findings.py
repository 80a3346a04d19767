"""What a check says."""

from enum import StrEnum, auto
from typing import NamedTuple


class Level(StrEnum):
    """How much a finding matters, the least first."""

    OK = auto()
    WARNING = auto()
    FAULT = auto()


class Finding(NamedTuple):
    """A fact about a deployment; `advice` is what to do next, and empty where all is well. Neither holds a secret."""

    level: Level
    fact: str
    advice: str = ""


def ok(fact: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(Level.OK, fact)


def warning(fact: str, advice: str) -> Finding:
    """Return that something is allowed, but worth a second look."""
    return Finding(Level.WARNING, fact, advice)


def fault(fact: str, advice: str) -> Finding:
    """Return that something promised does not hold."""
    return Finding(Level.FAULT, fact, advice)
