"""Who may do what in the interface's description: at each operation the words of its rule, and the rule itself."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from fastapi import FastAPI

from app.identity.models import Role
from app.identity.policy import MEANING, POLICY, Access, Rule

ROLES = "x-roles"
"""What an operation is to each role, and to `nobody`, in the words of `Access`."""

SCOPE = "x-scope"
"""The scope that a key must have; null where no key is looked at."""

_ORDER = tuple(Access)


def told(rule: Rule) -> str:
    """Return a rule as a list in Markdown: under which condition, and to whom."""
    cells = [*((role.value, cell) for role, cell in rule.access.items()), ("nobody", rule.nobody)]
    if {cell for _, cell in cells} == {Access.ANY}:
        return "**Who**: anybody, with or without a key."
    lines = []
    for access, group in groupby(sorted(cells, key=lambda one: _ORDER.index(one[1])), key=lambda one: one[1]):
        names = ", ".join(f"`{name}`" for name, _ in group)
        if access is not Access.REFUSED:
            lines.append(f"* {names}: {MEANING[access]}")
    return "\n".join(["**Who**, all others being refused:", "", *lines])


def _members(rule: Rule) -> dict[str, Any]:
    roles: Mapping[Role, Access] = rule.access
    told_roles = {role.value: cell.value for role, cell in roles.items()} | {"nobody": rule.nobody.value}
    return {ROLES: told_roles, SCOPE: rule.scope.value if rule.scope else None}


def _describe(schema: dict[str, Any]) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            rule = POLICY.get((method.upper(), path))
            if rule is not None:
                operation["description"] = f"{operation.get('description', '')}\n\n{told(rule)}".strip()
                operation.update(_members(rule))


def install(app: FastAPI) -> None:
    """Have the description of `app` say of every operation who may do it."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        before = app.openapi_schema
        schema = plain()
        if schema is not before:
            _describe(schema)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
