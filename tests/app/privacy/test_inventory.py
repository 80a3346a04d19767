"""Every text of every table is classified, and what looks personal is so."""

import re

import pytest
from sqlalchemy import ARRAY, Column, Enum, LargeBinary, String
from sqlmodel import AutoString

import app.tables
from app.audit.personal import KEPT_APART
from app.core.model import metadata
from app.privacy.inventory import FREE_TEXT, NOT_PERSONAL, PERSONAL
from app.privacy.parts import PARTS

assert app.tables.metadata is metadata

LOOKS_PERSONAL = re.compile(
    r"email|phone|first_name|last_name|birth|address|device|user|signatory|holder|person|_by_id"
)
ABOUT_NO_PERSON = {"slot_freezes.holder", "slot_freezes.holder_id", "bookings.replaced_by_id"}
"""A freeze is held by a round or a crisis, and a booking is replaced by a booking."""

COLUMNS = {f"{table.name}.{column.name}": column for table in metadata.sorted_tables for column in table.columns}


def holds_text(column: Column[object]) -> bool:
    kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
    if isinstance(kind, Enum) or column.foreign_keys:
        return False
    return isinstance(kind, AutoString | String | LargeBinary) or type(kind).__name__ == "JSONB"


def test_every_text_is_classified_once() -> None:
    classified = [*PERSONAL, *FREE_TEXT, *NOT_PERSONAL]
    assert len(classified) == len(set(classified))
    unclassified = {name for name, column in COLUMNS.items() if holds_text(column)} - set(classified)
    assert not unclassified, "say in app/privacy/inventory.py what they are"


def test_what_looks_personal_is_listed_with_its_purpose() -> None:
    looks = {name for name in COLUMNS if LOOKS_PERSONAL.search(name.partition(".")[2])}
    assert looks - ABOUT_NO_PERSON <= set(PERSONAL)
    refers = {
        name for name, column in COLUMNS.items() if any(f.column.table.name == "people" for f in column.foreign_keys)
    }
    assert refers <= set(PERSONAL)


@pytest.mark.parametrize("name", sorted(PERSONAL))
def test_what_is_listed_is_there_says_why_and_has_its_part_in_the_registry(name: str) -> None:
    table, _, column = name.partition(".")
    use = PERSONAL[name]
    assert use.purpose
    assert "article 6" in use.basis
    assert use.kept
    assert name in COLUMNS
    if name != "crisis_powers.signatory":  # who signs an act of the State is no person that the service knows
        assert table in {part.table for part in PARTS}, column


def test_parts_give_out_columns_that_there_are() -> None:
    for part in PARTS:
        assert set(part.columns) <= set(metadata.tables[part.table].columns.keys()), part.table


def test_what_is_kept_apart_from_the_trail_is_personal() -> None:
    kept = {f"{table}.{column}" for table, columns in KEPT_APART.items() for column in columns}
    assert kept <= set(PERSONAL)
    names = {name for name in PERSONAL if re.search(r"\.(name|email|subject|device)$", name)}
    assert names - kept == {"sign_in_links.email"}  # no write of a link is recorded
