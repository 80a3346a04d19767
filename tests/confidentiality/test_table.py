"""The table of what a CDMO is told is whole, and the views keep to it."""

import pytest

from app.bookings.schemas import BookingRead
from app.core.model import metadata
from app.requests.schemas import FeasibilityRead
from app.requests.visibility import NEVER, TOLD_TO_CDMO, Stage, columns_told, is_told


@pytest.mark.parametrize("table", TOLD_TO_CDMO)
def test_every_column_has_its_stage(table: str) -> None:
    assert set(TOLD_TO_CDMO[table]) == set(metadata.tables[table].columns.keys())


def test_the_names_of_products_and_what_they_are_worth_are_never_told() -> None:
    told = [f"{table}.{name}" for table, columns in TOLD_TO_CDMO.items() for name in columns]
    secret = {name for name in told if not is_told(name, Stage.PLACED)}
    assert {"products.code_name", "products.theme", "requests.budget_cents", "requests.priority_grounds"} <= secret


def test_before_a_place_a_cdmo_knows_the_question_and_nothing_beside_it() -> None:
    assert columns_told("products", Stage.ASKED) == set()
    assert columns_told("requests", Stage.ASKED) == {"id"}
    assert columns_told("feasibilities", Stage.ASKED) == columns_told("feasibilities", Stage.PLACED)


def test_answers_have_no_field_beyond_the_table() -> None:
    derived = {"line_name", "site_name", "age_days", "state"}
    assert FeasibilityRead.model_fields.keys() - derived <= columns_told("feasibilities", Stage.ASKED)
    shown = BookingRead.model_fields.keys() & {
        name for table in ("products", "requests") for name, stage in TOLD_TO_CDMO[table].items() if stage == NEVER
    }
    # Of the same name, and the booking's own.
    assert shown == {"id", "product_id", "origin", "created_at", "version", "status"}
