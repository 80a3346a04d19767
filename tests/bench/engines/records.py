"""What was measured, in one JSON file that is written after every run, so that a stopped benchmark goes on."""

from __future__ import annotations

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
from tests.bench.engines.measure import Outcome
from tests.bench.engines.people import NOBODY, People

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
    """One instance: its size, its trivial bound by objective, and the digest of its problem file."""

    name: str
    windows: int
    demands: int
    options: int
    movable: int
    trivial: dict[str, int]
    digest: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One contender on one instance; levels and people only of a plan that the checker passed."""

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
        if raw["machine"] != here.machine:
            return here
        here.command = raw["command"]
        here.instances = {one["name"]: InstanceRecord(**one) for one in raw["instances"]}
        for one in raw["runs"]:
            levels = tuple(LevelRecord(**level) for level in one.pop("levels"))
            people = People(**one.pop("people"))
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

    def has(self, instance: str, contender: str, limit_s: float) -> bool:
        """Say whether this was measured with this limit."""
        run = self.runs.get((instance, contender))
        return run is not None and run.limit_s == limit_s

    def take(self, instance: InstanceRecord) -> None:
        """Take an instance's facts; what was measured on another problem of its name is forgotten."""
        before = self.instances.get(instance.name)
        if before is not None and before.digest != instance.digest:
            self.runs = {key: run for key, run in self.runs.items() if run.instance != instance.name}
        self.instances[instance.name] = instance

    def of(self, instance: str) -> list[RunRecord]:
        """Return the runs on an instance."""
        return [run for run in self.runs.values() if run.instance == instance]


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
