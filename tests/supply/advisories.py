"""Known advisories against what is locked; where the service of advisories is away, that is said, and nothing else."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from tests.supply.report import Report

SECONDS = 180
PYPI = ("--vulnerability-service", "pypi")
NOT_CHECKED = "Advisories: NOT CHECKED: "


class Ignored(NamedTuple):
    """An advisory that is left alone until a day, for a reason."""

    id: str
    reason: str
    until: date


def look(
    lock: Path, services: Sequence[str] = ("--vulnerability-service", "pypi"), project: Path | None = None
) -> Report:
    """Ask about everything in a lock file; the project beside it says which advisories are left alone.

    Parameters
    ----------
    services
        The words that tell pip-audit whom to ask.
    """
    left_alone = ignored(lock.with_name("pyproject.toml"))
    if overdue := [one.id for one in left_alone if one.until < date.today()]:  # noqa: DTZ011 - a day, not an instant
        return Report([f"Advisories: no longer to be left alone, see pyproject.toml: {', '.join(overdue)}."], 1)
    try:
        answer = _ask(lock, services)
    except subprocess.TimeoutExpired:
        return Report([f"{NOT_CHECKED}no answer within {SECONDS} s."], 0)
    try:
        dependencies: list[dict[str, Any]] = json.loads(answer.stdout)["dependencies"]
    except (ValueError, KeyError):
        said = answer.stderr.strip().splitlines()
        return Report([f"{NOT_CHECKED}{said[-1] if said else 'the service cannot be reached'}"], 0)
    return _report(dependencies, {one.id for one in left_alone})


def ignored(project: Path) -> list[Ignored]:
    """Return the advisories that are left alone, each with its reason and its last day.

    Raises
    ------
    ValueError
        One lacks its reason.
    """
    entries = tomllib.loads(project.read_text(encoding="utf-8"))["tool"]["creneau"]["ignored-advisories"]
    found = [Ignored(entry["id"], entry["reason"], entry["until"]) for entry in entries]
    if bare := [one.id for one in found if not one.reason.strip() or not isinstance(one.until, date)]:
        raise ValueError(f"without a reason or a day: {', '.join(bare)}")
    return found


def _ask(lock: Path, services: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--require-hashes"),
        *("--format", "json", "--progress-spinner", "off", "--timeout", "10", *services),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)


def _report(dependencies: list[dict[str, Any]], left_alone: set[str]) -> Report:
    skipped = [one for one in dependencies if "skip_reason" in one]
    if len(skipped) == len(dependencies):
        return Report([f"{NOT_CHECKED}the service that answers knows none of {len(skipped)} packages."], 0)
    known = [
        f"{one['name']} {one['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none yet'}"
        for one in dependencies
        for found in one.get("vulns", ())
        if not left_alone & {found["id"], *found.get("aliases", ())}
    ]
    lines = [f"Advisories: {line}" for line in known]
    if skipped:
        lines.append(f"{NOT_CHECKED}{', '.join(one['name'] for one in skipped)}.")
    lines.append(f"Advisories: {len(known)} against {len(dependencies) - len(skipped)} packages that were checked.")
    return Report(lines, int(bool(known)))
