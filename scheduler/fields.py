"""Typed JSON in and out of frozen dataclasses, with errors that name the path of the field and the rule."""

from __future__ import annotations

import json
import re
import types
import typing
from collections import Counter
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from functools import cache
from typing import Any, TypeVar

SURROGATE = re.compile("[\ud800-\udfff]")

T = TypeVar("T")
Decoder = Callable[[object], Any]


class FieldError(ValueError):
    """A field breaks a rule: ``demands[3].options[0].duration: must be at least 1``.

    Attributes
    ----------
    path : str
        Where the field is, from the root of the file; empty for the file itself.
    rule : str
        What it must be, or what is wrong with it.
    """

    def __init__(self, path: str, rule: str) -> None:
        self.path = path
        self.rule = rule
        super().__init__(f"{path}: {rule}" if path else rule)

    def within(self, prefix: str) -> FieldError:
        """Return the same error seen from one level up."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return FieldError(f"{prefix}{joint}{self.path}", self.rule)


def require(condition: bool, path: str, rule: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise `FieldError` unless the condition holds."""
    if not condition:
        raise FieldError(path, rule)


def require_between(value: float, low: int, high: int, path: str) -> None:
    """Raise `FieldError` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise FieldError(path, f"must be from {low:,} to {high:,}, not {value:,}")


def _whole(value: object) -> int:
    if type(value) is not int:
        raise FieldError("", f"must be a whole number, not {_shown(value)}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError("", f"must be a number, not {_shown(value)}")
    return float(value)


def _text(value: object) -> str:
    if type(value) is not str or not value:
        raise FieldError("", f"must be a text that is not empty, not {_shown(value)}")
    if not value.isascii() and SURROGATE.search(value):
        raise FieldError("", f"must be text that can be written as UTF-8, not {_shown(value)}")
    return value


def _truth(value: object) -> bool:
    if type(value) is not bool:
        raise FieldError("", f"must be true or false, not {_shown(value)}")
    return value


def _date(value: object) -> date:
    try:
        return date.fromisoformat(_text(value))
    except ValueError as error:
        raise FieldError("", f"must be a date such as 2027-01-01, not {_shown(value)}") from error


def _shown(value: object) -> str:
    """Return a value as JSON, cut short, so that a hostile file cannot fill the screen."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = type(value).__name__
    return text if len(text) <= 40 else text[:37] + "..."


_SCALARS: dict[Any, Decoder] = {int: _whole, float: _number, str: _text, bool: _truth, date: _date}


def _list_of(element: Decoder) -> Decoder:
    def decode_list(value: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise FieldError("", f"must be a list, not {_shown(value)}")
        done: list[Any] = []
        try:
            for item in value:
                done.append(element(item))  # noqa: PERF401 - its length says which item broke the rule
        except FieldError as error:
            raise error.within(f"[{len(done)}]") from error
        return tuple(done)

    return decode_list


def _map_of(element: Decoder) -> Decoder:
    def decode_map(value: object) -> dict[str, Any]:
        if type(value) is not dict:
            raise FieldError("", f"must be an object, not {_shown(value)}")
        done: dict[str, Any] = {}
        for name, item in value.items():
            try:
                done[name] = element(item)
            except FieldError as error:
                raise error.within(name) from error
        return done

    return decode_map


@cache
def _decoder(hint: object) -> Decoder:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        return _object_of(hint)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        # A field that may be left out may not be null instead: one way to say it.
        return _decoder(next(kind for kind in inner if kind is not types.NoneType))
    if origin is tuple:
        return _list_of(_decoder(inner[0]))
    return _map_of(_decoder(inner[1]))


def _object_of(kind: type[Any]) -> Decoder:
    hints = typing.get_type_hints(kind)
    decoders = {field.name: _decoder(hints[field.name]) for field in fields(kind)}
    needed = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]

    def decode_object(value: object) -> object:
        if type(value) is not dict:
            raise FieldError("", f"must be an object, not {_shown(value)}")
        values: dict[str, Any] = {}
        for name, item in value.items():
            decode = decoders.get(name)
            if decode is None:
                known = ", ".join(decoders)
                raise FieldError(_shown(name).strip('"'), f"is not a known field; known here: {known}")
            try:
                values[name] = decode(item)
            except FieldError as error:
                raise error.within(name) from error
        for name in needed:
            require(name in values, name, "is missing")
        return kind(**values)

    return decode_object


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        twin = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise FieldError("", f"field {_shown(twin)} is given twice in one object")
    return values


def _no_constant(name: str) -> typing.NoReturn:
    raise FieldError("", f"{name} is not a number of JSON")


def decode(kind: type[T], text: str | bytes, file_format: str) -> T:
    """Return the dataclass that a JSON text describes.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are scalars, tuples, mappings and such dataclasses.
    text : str or bytes
        The file's content, UTF-8.
    file_format : str
        What the field ``format`` must say.

    Raises
    ------
    FieldError
        Not JSON, another format, an unknown, missing or mistyped field, or a rule of the dataclass broken.
    """
    try:
        raw = json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except FieldError:
        raise
    except (ValueError, RecursionError) as error:
        raise FieldError("", f"is not JSON: {error}") from error
    if type(raw) is not dict:
        raise FieldError("", f"must be an object, not {_shown(raw)}")
    require("format" in raw, "format", f'is missing; must be "{file_format}"')
    found = raw.pop("format")
    require(found == file_format, "format", f'must be "{file_format}", not {_shown(found)}')
    return typing.cast("T", _object_of(kind)(raw))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(item) for name, item in pairs if item is not None}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value.isoformat() if isinstance(value, date) else value


def encode(value: object, file_format: str) -> str:
    """Return a dataclass as one JSON text, its lists one item a line, always the same for equal values."""
    lines = [f'"format": {json.dumps(file_format)}']
    for name, item in _plain(value).items():
        if isinstance(item, list) and item and isinstance(item[0], dict):
            body = ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in item)
            lines.append(f"{json.dumps(name)}: [\n  {body}]")
        else:
            lines.append(f"{json.dumps(name)}: {json.dumps(item, ensure_ascii=False)}")
    return "{" + ",\n ".join(lines) + "}\n"
