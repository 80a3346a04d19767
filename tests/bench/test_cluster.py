"""The benchmark of a cluster solves a tiny instance in each place, and shows that the plans are the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import main
from tests.bench.engines import cluster, instances


def test_the_page_says_how_far_components_can_be_spread() -> None:
    (instance,) = instances.chosen(["tiny"], None)
    parts = cluster.shares(instance.problem())
    assert sum(parts) == pytest.approx(1)
    assert parts == sorted(parts, reverse=True)
    assert "of the 3 here it has 80% of the options" in cluster.spread([0.8, 0.1, 0.1])
    assert "at most a factor of 1.25," in cluster.spread([0.8, 0.1, 0.1])
    assert "at most a factor of 2.00," in cluster.spread([0.4, 0.3, 0.3])


def test_the_longest_path_is_the_callers_and_the_busiest_workers() -> None:
    assert cluster.spent({os.getpid(): 1.0}) == (1.0, 1.0)
    assert cluster.spent({os.getpid(): 1.0, -1: 5.0, -2: 4.0}) == (10.0, 6.0)


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
