"""Who is compared, and the command of each: all read a problem file and write a solution file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.bench.engines.sources import digest_now

WORKERS = 2
ENGINE = ("scheduler",)
HERE = "tests/bench/engines"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to plan.

    Attributes
    ----------
    module
        What ``python -m`` runs, with the arguments before the problem file.
    note
        What it is, in half a sentence.
    source
        The files and folders of this project whose change may change its figures.
    package
        The distribution that does the work, if any; its version is shown.
    is_limited
        Whether it is told a time limit, workers and a seed.
    """

    name: str
    title: str
    module: tuple[str, ...]
    note: str
    source: tuple[str, ...]
    package: str | None = None
    is_limited: bool = True

    def command(self, problem: Path, output: Path, limit_s: float, seed: int = 1) -> list[str]:
        """Return the command that solves the problem within so many seconds."""
        command = [sys.executable, "-m", *self.module, str(problem), "-o", str(output)]
        if self.is_limited:
            command += ["--time-limit", str(limit_s), "--workers", str(WORKERS), "--seed", str(seed)]
        return [*command, "--quiet"] if self.name == OURS else command

    @property
    def is_installed(self) -> bool:
        """Whether it can run here."""
        return self.package is None or self.version is not None

    @property
    def version(self) -> str | None:
        """The version of its package."""
        try:
            return version(self.package) if self.package else None
        except PackageNotFoundError:
            return None


def _modules(*names: str) -> tuple[str, ...]:
    return tuple(f"{HERE}/{name}.py" for name in names)


OURS = "creneau"
GREEDY = "greedy"
CONTENDERS = (
    Contender(
        "fcfs",
        "first come, first served",
        ("scheduler", "baseline", "fcfs"),
        "requests in the order of the file, each on its best-ranked option with room; it gives no bound, and is shown "
        "with the trivial one",
        ENGINE,
        is_limited=False,
    ),
    Contender(
        GREEDY,
        "greedy by weight",
        ("scheduler", "baseline", "greedy"),
        "the same, the heaviest requests first",
        ENGINE,
        is_limited=False,
    ),
    Contender(
        "cpsat",
        "one plain CP-SAT model",
        ("tests.bench.engines.plain_model",),
        f"an optional interval per option, no overlap per window, level after level, {WORKERS} workers",
        _modules("plain_model", "climb", "places"),
        "ortools",
    ),
    Contender(
        "pyjobshop",
        "PyJobShop",
        ("tests.bench.engines.pyjobshop_model",),
        "the round as a job shop whose declined jobs are tardy; it has no words for a crisis, nor for an objective but "
        "weight: its later levels are what its plan happens to have, with the trivial bound",
        _modules("pyjobshop_model", "shop", "climb", "places"),
        "pyjobshop",
    ),
    Contender(
        "highs",
        "HiGHS, time-indexed",
        ("tests.bench.engines.highs",),
        f"a 0-1 column per option and start day, a flow through each window, level after level, {WORKERS} threads, its "
        "feasibility jump off because it does not keep the time limit on these models",
        _modules("highs", "time_indexed", "climb", "places"),
        "highspy",
    ),
    Contender(
        OURS,
        "this engine",
        ("scheduler", "solve"),
        f"`python -m scheduler solve`, {WORKERS} workers",
        ENGINE,
        "ortools",
    ),
)
NAMES = tuple(contender.name for contender in CONTENDERS)


def chosen(names: Sequence[str] | None) -> tuple[Contender, ...]:
    """Return the contenders of these names, all without names.

    Raises
    ------
    ValueError
        One of them is not installed.
    """
    contenders = tuple(contender for contender in CONTENDERS if not names or contender.name in names)
    for contender in contenders:
        if not contender.is_installed:
            raise ValueError(f"{contender.name}: {contender.package} is not installed; `make bench-engine` installs it")
    return contenders


def called(name: str) -> Contender:
    """Return the contender of a name."""
    return next(contender for contender in CONTENDERS if contender.name == name)


def title_of(name: str) -> str:
    """Return how a contender is called in tables."""
    return called(name).title


def source_of(name: str) -> str:
    """Return the digest of a contender's source as it is now."""
    return digest_now(called(name).source)
