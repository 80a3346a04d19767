"""The canonical form is one text for one value, whatever is in it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.canonical import DEEPEST, JSON_NULL, Number, canonical, document_of, read
from app.audit.checking import Checker
from app.audit.files import faults_of
from app.audit.seals import make_seal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_it_is_what_json_says_with_members_sorted_and_no_space(value: Any) -> None:
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(value) == expected
    assert canonical(read(json.dumps(value))) == expected


@pytest.mark.parametrize("digits", ["1.10", "1.1", "0", "-0.0000001", "1e5", "9" * 5000, "0." + "1" * 40])
def test_numbers_keep_their_digits(digits: str) -> None:
    assert canonical(read(f"[{digits}]")) == f"[{digits}]"
    assert isinstance(read(digits), Number)


@pytest.mark.parametrize("text", ["", "NaN", "[Infinity]", "{", "[" * 100_000, '{"a":' * 500 + "1" + "}" * 500])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(text)


def test_a_document_that_is_nested_deeper_than_a_line_may_be_stands_as_its_text() -> None:
    deepest, deeper = ("[" * levels + "]" * levels for levels in (DEEPEST, DEEPEST + 1))
    assert canonical({"after": document_of(deepest)}) == f'{{"after":{deepest}}}'
    assert canonical({"after": document_of(deeper)}) == f'{{"after":"{deeper}"}}'
    assert read(canonical({"after": document_of(deepest)}))
    assert document_of('"' + "[" * 500 + '\\""') == "[" * 500 + '"'
    assert document_of("null") is JSON_NULL


def test_what_is_no_json_has_no_form() -> None:
    with pytest.raises(TypeError, match="float is no JSON value"):
        canonical({"a": 1.5})


def test_a_seal_of_nothing_in_a_file_is_taken_as_it_is() -> None:
    empty = make_seal(None, [], ["2030-01-01T00:00:00.000000Z"], "2030-01-01T00:00:00.000000Z")
    record = '{"id":1,"kind":"record"}'
    found = list(faults_of([record, empty.line], Checker(witnesses={}, is_file=True)))
    assert [fault.partition(":")[0] for fault in found] == [
        "record 1 was added behind the seals",
        "checkpoint 1 is missing",
        "the tail is cut",
    ]
