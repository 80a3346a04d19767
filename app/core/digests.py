"""Digests of JSON documents, made by the database of what it keeps."""

from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, cast, func


def digest_of(column: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """Return the SHA-256 of a JSON column in hexadecimal, or null: of the text in which PostgreSQL has its value.

    That text hangs on the value alone: members stand in an order of its own, and numbers with their digits.
    """
    return func.encode(func.sha256(func.convert_to(cast(column, Text), "UTF8")), "hex")
