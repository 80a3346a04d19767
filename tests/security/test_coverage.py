"""`SECURITY-COVERAGE.md` deals with every item once, and each test that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from app.core.health import REPOSITORY

STATES = {"held", "partly", "written", "operator", "not yet", "n/a"}
WITH_TESTS = {"held", "partly"}
SECTIONS = {
    "1": (2, 10, 12, 3, 3), "2": (3, 3, 5, 2), "3": (1, 3, 5, 8, 8, 1, 5), "4": (5, 5, 2, 4), "5": (1, 6, 3, 3),
    "6": (3, 12, 8, 6, 8, 4, 2, 4), "7": (3, 4, 2, 5, 3, 2), "8": (4, 4, 3, 2), "9": (3, 4),
    "10": (2, 3, 5, 16, 5, 2, 3), "11": (4, 5, 5, 4, 2, 2, 2), "12": (5, 2, 5), "13": (4, 6, 4, 7), "14": (2, 8, 3),
    "15": (5, 5, 7, 4), "16": (1, 5, 4, 3, 4), "17": (2, 8, 2),
}  # fmt: skip
"""How many items each section of each chapter has. Source: OWASP ASVS 5.0.0."""


class Row(NamedTuple):
    """A row of the tables."""

    items: str
    state: str
    stands: str
    tests: tuple[str, ...]


@cache
def rows() -> tuple[Row, ...]:
    text = (REPOSITORY / "SECURITY-COVERAGE.md").read_text(encoding="utf-8")
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines()]
    return tuple(
        Row(cells[0], cells[2], cells[3], tuple(re.findall(r"`(tests/[^`]+)`", cells[4])))
        for cells in lines
        if len(cells) == 5 and re.match(r"(API)?\d", cells[0])
    )


def items(cell: str) -> list[str]:
    """Return the items of a cell: `1.2.6-9` are four."""
    found = []
    for one in cell.split(", "):
        match = re.fullmatch(r"(\d+\.\d+\.)(\d+)(?:-(\d+))?", one)
        assert match, f"no item: {one}"
        found += [f"{match[1]}{number}" for number in range(int(match[2]), int(match[3] or match[2]) + 1)]
    return found


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the tests of a file, without running it."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name for node in ast.walk(module) if isinstance(node, kinds) and node.name.startswith("test_")
    )


def test_every_item_of_the_standard_is_dealt_with_once() -> None:
    given = [item for row in rows() if not row.items.startswith("API") for item in items(row.items)]
    asked = [
        f"{chapter}.{section}.{number}"
        for chapter, counts in SECTIONS.items()
        for section, count in enumerate(counts, start=1)
        for number in range(1, count + 1)
    ]
    assert len(asked) == 345
    assert sorted(given) == sorted(asked)


def test_every_item_of_the_ten_is_dealt_with_once() -> None:
    assert [row.items for row in rows() if row.items.startswith("API")] == [f"API{number}" for number in range(1, 11)]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.items)
def test_a_promise_names_tests_that_are_there(row: Row) -> None:
    assert row.state in STATES
    assert bool(row.tests) == (row.state in WITH_TESTS)
    assert row.stands or row.state in {"held", "not yet", "operator"}, "it must say why, or what is missing"
    for test in row.tests:
        path, _, name = test.partition("::")
        assert (REPOSITORY / path).is_file(), test
        assert name in names_in(REPOSITORY / path), test
