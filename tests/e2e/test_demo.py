"""The demonstration as a person runs it: the whole story, and nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import processes_of

CHAPTERS = ("1. What France can make", "2. A start-up finds", "3. A round", "4. A drill", "5. A health crisis")


@pytest.mark.timeout(600)
def test_the_story_is_told_to_its_end_and_leaves_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo"], env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert [title for title in CHAPTERS if title not in told.stdout] == []
    assert "45 sites, 82 production lines" in told.stdout
    assert "Closed with 60 requests" in told.stdout
    assert "first come first served" in told.stdout
    assert "Planned anew" in told.stdout
    assert "steps in its report" in told.stdout
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
