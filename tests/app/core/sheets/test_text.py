"""Texts in cells: never a formula, and read back as they were written."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.sheets.delimited import read_csv
from app.core.sheets.formats import Delimiter, FileFormat
from app.core.sheets.parts import Limits
from app.core.sheets.text import neutralised, restored
from app.core.sheets.workbook import read_xlsx
from app.core.sheets.writing import Value, write_table

LIMITS = Limits(rows=1_000, columns=10)
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufffe\uffff"), max_size=30)
TRICKY = st.text(st.sampled_from("'=+-@\t\r\n_x0Aa41 \x01\x1f;,\""), max_size=12)


@given(ANY_TEXT | TRICKY)
def test_no_text_is_taken_for_a_formula_and_each_comes_back(text: str) -> None:
    cell = neutralised(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert restored(cell) == text


@pytest.mark.parametrize("text", ["'quoted'", "l'usine", "", "a=b", "'"])
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    assert neutralised(text) == restored(text) == text


def written(texts: list[str], file_format: FileFormat, delimiter: Delimiter = Delimiter.COMMA) -> bytes:
    """Return a file with one text a row, each between two others."""

    async def rows() -> AsyncIterator[list[Value]]:
        for text in texts:
            yield ["before", text, "after"]

    async def write() -> bytes:
        with await write_table(file_format, "texts", ["a", "text", "b"], rows(), delimiter=delimiter) as file:
            return file.read()

    return asyncio.run(write())


@settings(max_examples=25, deadline=None)
@given(st.lists(ANY_TEXT | TRICKY, max_size=20))
def test_texts_come_back_from_a_workbook(texts: list[str]) -> None:
    table = read_xlsx(io.BytesIO(written(texts, FileFormat.XLSX)), LIMITS)
    read = [restored(row[1]) for _, row in list(table.rows)[1:]]
    assert [text if text.strip() else "" for text in read] == [
        text if text.strip() else "" for text in texts
    ]  # blank is blank


@settings(max_examples=50, deadline=None)
@given(st.lists(ANY_TEXT | TRICKY, max_size=20), st.sampled_from(Delimiter))
def test_texts_come_back_from_csv(texts: list[str], delimiter: Delimiter) -> None:
    table = read_csv(written(texts, FileFormat.CSV, delimiter), LIMITS)
    assert [restored(row[1]) for _, row in list(table.rows)[1:]] == texts


def test_an_error_a_formula_and_a_number_as_text_stay_texts() -> None:
    texts = ["#N/A", "=1+1", "007", "2030-01-01", "TRUE", "_x0041_"]
    rows = list(csv.reader(io.StringIO(written(texts, FileFormat.CSV).decode())))
    assert [row[1] for row in rows[1:]] == ["#N/A", "'=1+1", "007", "2030-01-01", "TRUE", "_x0041_"]
    table = read_xlsx(io.BytesIO(written(texts, FileFormat.XLSX)), LIMITS)
    assert [restored(row[1]) for _, row in list(table.rows)[1:]] == texts
