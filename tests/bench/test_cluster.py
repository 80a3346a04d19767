"""The benchmark of a cluster solves a tiny instance in each place, and shows that the plans are the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import main


@pytest.mark.prove
def test_each_place_has_a_row_with_the_same_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["cluster", "--family", "tiny", "--budget", "0.05", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["bench", *given])
    assert main() == 0
    page = (tmp_path / "cluster.md").read_text()
    assert "Made by `python -m tests.bench cluster --family tiny --seed 1 --budget 0.05`." in page
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if " | weight | " in line]
    assert [row[0] for row in rows] == [
        "one process",
        "a pool of 2 processes",
        "a Dask cluster of 2 worker processes",
    ]
    assert [row[-1] for row in rows[1:]] == ["the same", "the same"]
