"""What bandit finds in what runs, where no reason stands beside it.

ruff has most of bandit's rules under the same numbers, B603 as S603. An exception is therefore written once, as ruff's:
`# noqa: S603 - why`. What bandit finds beyond that, because it looks at more or sees it otherwise, is told.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.supply.report import Report

LOOKED_AT = ("app", "scheduler", "seed")
OF_IMPORTS = "B403,B404,B405"
"""That a module which may be misused is imported at all: each use of it is looked at by a rule of its own."""
_NOQA = re.compile(r"#\s*noqa:\s*([A-Z0-9, ]+)")


def look(folder: Path) -> Report:
    """Look at the packages in a folder."""
    places = [str(folder / name) for name in LOOKED_AT if (folder / name).is_dir()]
    command = [
        sys.executable,
        "-m",
        "bandit",
        "--recursive",
        *places,
        "--skip",
        OF_IMPORTS,
        "--format",
        "json",
        "--quiet",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    lines = [f"bandit: {fault['filename']} was not read: {fault['reason']}" for fault in answer["errors"]]
    lines += [_told(found) for found in answer["results"] if not _has_reason(found)]
    read = sum(figures["loc"] for name, figures in answer["metrics"].items() if name != "_totals")
    return Report([*lines, f"bandit: {len(lines)} findings in {read} lines."], int(bool(lines) or not read))


def _has_reason(found: dict[str, Any]) -> bool:
    """Tell whether ruff's rule of the same number is set aside in the statement."""
    rule = found["test_id"].replace("B", "S", 1)
    lines = Path(found["filename"]).read_text(encoding="utf-8").splitlines()
    first, last = min(found["line_range"]), max(found["line_range"])
    return any(
        rule in {one.strip() for one in match[1].split(",")}
        for line in lines[first - 1 : last]
        if (match := _NOQA.search(line))
    )


def _told(found: dict[str, Any]) -> str:
    return f"bandit: {found['filename']}:{found['line_number']}: {found['test_id']} {found['issue_text']}"
