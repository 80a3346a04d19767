"""The canonical form of the trail: what is hashed, and what `creneau audit export` writes, byte for byte.

An export is JSON Lines in UTF-8. Each line is one JSON object in canonical form: members sorted by name at every
depth, no space between them, texts escaped no further than JSON demands, numbers with the digits that PostgreSQL
keeps, and `kind` saying what the line is.

* `record`: every column of an audit record by its name. Identifiers are lower-case texts, `at` is an instant, `before`
  and `after` are objects. A column that is null is left out, so that one added later changes no record from before it;
  JSON's own null in `before` or `after`, which the service never writes, is not; and one that is nested deeper than 100
  levels, which it never writes either, is the text that PostgreSQL makes of it.
* `seal`: `sequence` from 1 without gaps; `record_ids`, ascending, of the records that it seals, and their
  `record_digests` in the same order; `total_records` sealed so far; `first_at` and `last_at` of those of its records
  that are from the years 2000 to 2999, as all are that the service writes, and without any `sealed_at`; `sealed_at`;
  the `previous_digest`, which the first seal has not; and its own `digest`.
* `checkpoint`, and `head` at the end of every export: the `sequence`, `digest` and `total_records` of one seal.

Instants are UTC with six decimals, `2030-01-31T08:00:00.000000Z`. The service writes no others, but whoever may do
anything can: those before Christ end with ` BC`, and the infinite ones are `infinity` and `-infinity`. Digests are
SHA-256 in lower-case hexadecimal.

* The digest of a record is that of its line without the line break.
* The digest of a seal is that of its line without the line break and without its member `digest`. It contains that of
  the seal before it, so that nothing in the trail can change without changing every later digest.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any


class Number(str):
    """The digits of a JSON number, exactly as they were written; canonical as it stands."""

    __slots__ = ()


DEEPEST = 100
_BRACKET_OR_TEXT = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]')

JSON_NULL = Number("null")
"""A document that is null, other than none."""


def canonical(value: object) -> str:
    """Return a JSON value in canonical form.

    Raises
    ------
    TypeError
        If it is none.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Number() | int():
            return str(value)
        case str():
            return encode_basestring(value)
        case Mapping():
            members = (f"{encode_basestring(name)}:{canonical(value[name])}" for name in sorted(value))
            return "{" + ",".join(members) + "}"
        case list() | tuple():
            return "[" + ",".join(map(canonical, value)) + "]"
    raise TypeError(f"{type(value).__name__} is no JSON value")


def read(text: str) -> Any:
    """Return what a JSON text says, with numbers as their digits.

    Raises
    ------
    ValueError
        If it cannot be read, or is nested deeper than a line can be.
    """
    if _is_deeper(text, DEEPEST + 1):
        raise ValueError("it is nested too deeply")
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=_refuse)


def document_of(text: str) -> object:
    """Return a document of a record as its line has it, from PostgreSQL's text of it."""
    if _is_deeper(text, DEEPEST):
        return text
    told = read(text)
    return JSON_NULL if told is None else told


def _is_deeper(text: str, levels: int) -> bool:
    if text.count("{") + text.count("[") <= levels:
        return False
    depth = 0
    for token in _BRACKET_OR_TEXT.finditer(text):
        bracket = token[0]
        depth += (bracket in "{[") - (bracket in "}]")
        if depth > levels:
            return True
    return False


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no number of JSON")


def line_of(kind: str, members: Mapping[str, object]) -> str:
    """Return the line of a thing, without the line break; members that are None are left out."""
    return canonical({"kind": kind, **{name: value for name, value in members.items() if value is not None}})


def digest_of(line: str) -> bytes:
    """Return the SHA-256 of a line without its line break."""
    return hashlib.sha256(line.encode("utf-8", "surrogatepass")).digest()


def instant_text(value: datetime) -> str:
    """Return an instant as lines have it."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
