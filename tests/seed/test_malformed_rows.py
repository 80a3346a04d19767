"""A fault in a reference table is told by file, row, column and reason."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seed.catalogue import DATA, read_catalogue
from seed.csv_rows import MalformedRow

Rows = list[list[str]]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    for file in DATA.glob("*.csv"):
        shutil.copy(file, tmp_path)
    return tmp_path


def _edit(file: Path, change: Callable[[Rows], object]) -> None:
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    change(rows)
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def _fault(folder: Path) -> MalformedRow:
    with pytest.raises(MalformedRow) as caught:
        read_catalogue(folder)
    return caught.value


@pytest.mark.parametrize(
    ("file", "column", "cell", "reason"),
    [
        ("cdmo_sites.csv", "latitude", "91", "less than or equal to 90"),
        ("cdmo_sites.csv", "latitude", "nan", "plain number"),
        ("cdmo_sites.csv", "longitude", "", "plain number"),
        ("cdmo_sites.csv", "kind", "factory", "'cdmo' or 'integrator'"),
        ("cdmo_sites.csv", "modalities", "plasmid_dna;unobtainium", "'unobtainium' is not one of"),
        ("cdmo_sites.csv", "modalities", "plasmid_dna;plasmid_dna", "twice"),
        ("cdmo_sites.csv", "modalities", "", "must not be empty"),
        ("cdmo_sites.csv", "modalities", "plasmid_dna; adc", "without spaces"),
        ("cdmo_sites.csv", "confidence", "illustrative", "'high', 'medium' or 'low'"),
        ("cdmo_sites.csv", "organisation", "x" * 10_000, "at most 200"),
        ("cdmo_sites.csv", "department_code", "Gard", "pattern"),
        ("production_lines.csv", "working_volume_l", "-5", "greater than 0"),
        ("production_lines.csv", "working_volume_l", "1e3", "plain number"),
        ("production_lines.csv", "batch_duration_days", "0", "greater than or equal to 1"),
        ("production_lines.csv", "units", "many", "plain number"),
        ("production_lines.csv", "bookable", "perhaps", "pattern"),
        ("production_lines.csv", "technology", "magic", "single_use"),
        ("production_lines.csv", "sourced_fields", "rumour", "'rumour' is not one of"),
        ("production_lines.csv", "expression_platforms", "CHO;HeLa", "'HeLa' is not one of"),
        ("production_lines.csv", "site_name", "Atlantis", "there is no site 'Atlantis'"),
        ("production_lines.csv", "gmp_phases", "commercial", "does not list commercial"),
        ("startups.csv", "modality", "plasmid_dna;adc", "must be one of"),
        ("startups.csv", "need_phase", "phase_4", "'phase_4' is not one of"),
    ],
)
def test_a_bad_cell_is_named(tables: Path, file: str, column: str, cell: str, reason: str) -> None:
    def spoil(rows: Rows) -> None:
        rows[5][rows[0].index(column)] = cell

    _edit(tables / file, spoil)
    fault = _fault(tables)
    assert (fault.file, fault.row, fault.column) == (file, 6, column)
    assert reason in fault.reason
    assert f"{file}, row 6, column {column}: " in str(fault)


def test_a_site_named_twice_is_refused(tables: Path) -> None:
    _edit(tables / "cdmo_sites.csv", lambda rows: rows.append(rows[1]))
    fault = _fault(tables)
    assert (fault.row, fault.column) == (47, "site_name")
    assert "already in row 2" in fault.reason


def test_units_must_share_the_parallel_batches_evenly(tables: Path) -> None:
    def spoil(rows: Rows) -> None:
        rows[1][rows[0].index("units")] = "2"

    _edit(tables / "production_lines.csv", spoil)
    fault = _fault(tables)
    assert fault.row == 2
    assert "batches_in_parallel, 1, must be a multiple of units, 2" in fault.reason


def test_a_row_with_a_cell_too_few_is_refused(tables: Path) -> None:
    _edit(tables / "startups.csv", lambda rows: rows[3].pop())
    fault = _fault(tables)
    assert (fault.row, fault.reason) == (4, "7 cells where the header has 8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: [row.pop(2) for row in rows], "the column is missing"),
        (lambda rows: [row.append("x") for row in rows], "no such column is expected"),
        (lambda rows: rows[0].append("city"), "the column is there twice"),
    ],
)
def test_a_header_must_be_the_expected_one(tables: Path, change: Callable[[Rows], None], reason: str) -> None:
    _edit(tables / "startups.csv", change)
    fault = _fault(tables)
    assert (fault.row, fault.reason) == (1, reason)


def test_a_file_that_is_not_utf8_is_refused_with_its_row(tables: Path) -> None:
    file = tables / "startups.csv"
    file.write_bytes(file.read_bytes() + b"caf\xe9\n")
    fault = _fault(tables)
    assert (fault.row, fault.reason) == (39, "the file is not UTF-8")


def test_a_missing_file_is_named(tables: Path) -> None:
    (tables / "startups.csv").unlink()
    assert _fault(tables).reason == "there is no such file"
