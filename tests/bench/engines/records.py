"""What was measured, in one JSON file that is written after every run, so that a stopped benchmark goes on.

A run keeps the digest of the source that it was measured with; once that source is another, it is outdated, and
measured again. A run of before there were digests has that of its commit, if Git knows the commit and it was measured
without changes; otherwise it is outdated, since nobody can tell. `--keep` leaves what is outdated, and pages name it.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from scheduler.objectives import goodness
from tests.bench.engines.contenders import called, source_of
from tests.bench.engines.measure import Outcome
from tests.bench.engines.people import NOBODY, People
from tests.bench.engines.sources import UNKNOWN, digest_then

PACKAGES = ("ortools", "numpy", "pyjobshop", "highspy")


@dataclass(frozen=True, slots=True)
class LevelRecord:
    """One objective of one plan."""

    objective: str
    value: int
    bound: int

    @property
    def gap(self) -> float:
        """|bound - value| / max(1, |value|)."""
        return abs(self.bound - self.value) / max(1, abs(self.value))

    def is_better_than(self, amount: int) -> bool:
        """Say whether the value is better than another."""
        return goodness(self.objective, self.value) > goodness(self.objective, amount)


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """One instance: its size, its trivial bound by objective, and the digest of its problem file.

    `reading_s` is what a process takes that only reads the file, measured as contenders are; 0 if it was not.
    """

    name: str
    windows: int
    demands: int
    options: int
    movable: int
    trivial: dict[str, int]
    digest: str
    reading_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One contender on one instance; levels and people only of a plan that the checker passed.

    Attributes
    ----------
    source
        The digest of the contender's source when it was measured.
    busy
        Cores that were busy with other things just before it began, None if nobody looked.
    """

    instance: str
    contender: str
    limit_s: float
    outcome: Outcome
    detail: str
    seconds: float
    megabytes: float
    commit: str
    day: str
    levels: tuple[LevelRecord, ...] = ()
    people: People = NOBODY
    source: str = UNKNOWN
    busy: float | None = None

    @property
    def is_outdated(self) -> bool:
        """Whether the contender's source is another by now, or may be."""
        return self.source != source_of(self.contender)


@dataclass(slots=True)
class Records:
    """All that is known so far."""

    machine: dict[str, Any]
    command: str = ""
    instances: dict[str, InstanceRecord] = field(default_factory=dict)
    runs: dict[tuple[str, str], RunRecord] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> Records:
        """Return what a file holds if it was measured on a machine like this one, nothing otherwise."""
        here = cls(machine())
        if not file.exists():
            return here
        raw = json.loads(file.read_text(encoding="utf-8"))
        if differences(file):
            return here
        # What is not installed here has been there.
        here.machine = raw["machine"] | {name: found for name, found in here.machine.items() if found is not None}
        here.command = raw["command"]
        here.instances = {one["name"]: InstanceRecord(**one) for one in raw["instances"]}
        for one in raw["runs"]:
            levels = tuple(LevelRecord(**level) for level in one.pop("levels"))
            people = People(**one.pop("people"))
            one["source"] = one.get("source") or digest_then(one["commit"], called(one["contender"]).source)
            run = RunRecord(**one | {"outcome": Outcome(one["outcome"])}, levels=levels, people=people)
            here.runs[run.instance, run.contender] = run
        return here

    def write(self, file: Path) -> None:
        """Write everything, whole or not at all."""
        document = {
            "machine": self.machine,
            "command": self.command,
            "instances": [asdict(one) for one in self.instances.values()],
            "runs": [asdict(one) for one in self.runs.values()],
        }
        half = file.with_suffix(".half")
        half.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        half.replace(file)

    def has(self, instance: str, contender: str, limit_s: float, *, keep: bool = False) -> bool:
        """Say whether this was measured with this limit and today's source, or with any where those are kept."""
        run = self.runs.get((instance, contender))
        return run is not None and run.limit_s == limit_s and (keep or not run.is_outdated)

    def knows_reading(self, instance: str) -> bool:
        """Say whether it was measured how long reading an instance takes."""
        known = self.instances.get(instance)
        return known is not None and known.reading_s > 0

    def take(self, instance: InstanceRecord) -> None:
        """Take an instance's facts; what was measured on another problem of its name is forgotten."""
        before = self.instances.get(instance.name)
        if before is not None and before.digest != instance.digest:
            self.runs = {key: run for key, run in self.runs.items() if run.instance != instance.name}
        self.instances[instance.name] = instance

    def of(self, instance: str) -> list[RunRecord]:
        """Return the runs on an instance."""
        return [run for run in self.runs.values() if run.instance == instance]


def differences(file: Path) -> list[str]:
    """Return in what the machine of a file, if there is one, is not this one; what only one of them has is no matter.

    Its contender does not run on the other, and the others do not need it.
    """
    if not file.exists():
        return []
    here, there = machine(), json.loads(file.read_text(encoding="utf-8"))["machine"]
    both = [name for name, found in here.items() if found is not None and there.get(name) is not None]
    return [f"{name} {there[name]}, not {here[name]}" for name in both if there[name] != here[name]]


def set_aside(file: Path) -> Path:
    """Give a file another name beside it, which no file has, and return that."""
    names = (file.with_name(f"{file.stem}-elsewhere-{number}{file.suffix}") for number in itertools.count(1))
    return file.rename(next(name for name in names if not name.exists()))


def machine() -> dict[str, Any]:
    """Return what the figures depend on: the machine and the versions."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def commit() -> str:
    """Return the short name of the commit that is measured, and whether files differ from it."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name + (" with changes" if _git("status", "--porcelain", "--", ".", ":!tests/bench/results") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def today() -> str:
    """Return the day."""
    return datetime.now(UTC).date().isoformat()


def best_bound(runs: Iterable[RunRecord]) -> int | None:
    """Return the closest bound on the first objective; bounds of later levels hold for one plan only."""
    levels = [run.levels[0] for run in runs if run.levels]
    return min((one.bound for one in levels), key=lambda bound: goodness(levels[0].objective, bound), default=None)
