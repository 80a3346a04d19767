"""The three reference tables, read and checked against each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import NamedTuple

from seed.csv_rows import MalformedRow, read_rows
from seed.reference import CompanyRow, LineRow, SiteRow

SITES, LINES, COMPANIES = "cdmo_sites.csv", "production_lines.csv", "startups.csv"


class ReferenceTables(NamedTuple):
    """All rows, in the order of the files."""

    sites: tuple[SiteRow, ...]
    lines: tuple[LineRow, ...]
    companies: tuple[CompanyRow, ...]


def read_reference_tables(folder: Path) -> ReferenceTables:
    """The tables of `folder`.

    Raises
    ------
    MalformedRow
        A cell breaks a rule, a key is there twice, or a line contradicts its site.
    """
    sites = read_rows(folder / SITES, SiteRow)
    lines = read_rows(folder / LINES, LineRow)
    companies = read_rows(folder / COMPANIES, CompanyRow)
    _check_unique(SITES, "site_name", ((number, row.site_name) for number, row in sites))
    _check_unique(LINES, "line_name", ((number, (row.site_name, row.line_name)) for number, row in lines))
    _check_unique(COMPANIES, "organisation", ((number, row.organisation) for number, row in companies))
    by_name = {row.site_name: row for _, row in sites}
    for number, line in lines:
        _check_line(number, line, by_name.get(line.site_name))
    return ReferenceTables(
        tuple(row for _, row in sites), tuple(row for _, row in lines), tuple(row for _, row in companies)
    )


def _check_unique(file: str, column: str, keys: Iterable[tuple[int, Hashable]]) -> None:
    seen: dict[Hashable, int] = {}
    for number, key in keys:
        if key in seen:
            shown = " / ".join(key) if isinstance(key, tuple) else key
            raise MalformedRow(file, number, column, f"{shown!r} is already in row {seen[key]}")
        seen[key] = number


def _check_line(number: int, line: LineRow, site: SiteRow | None) -> None:
    if site is None:
        raise MalformedRow(LINES, number, "site_name", f"there is no site {line.site_name!r} in {SITES}")
    for column, of_line, of_site in (
        ("modalities", line.modalities, site.modalities),
        ("gmp_phases", line.gmp_phases, site.gmp_phases),
    ):
        beyond = [item for item in of_line if item not in of_site]
        if beyond:
            raise MalformedRow(LINES, number, column, f"the site {site.site_name!r} does not list {', '.join(beyond)}")
