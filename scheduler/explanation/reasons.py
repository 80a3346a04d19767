"""Reasons from outside why no window can take a demand, the place against which the fewest stand first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scheduler.explanation.statements import Refusal
from scheduler.fields import require


def refusals(reasons: Sequence[Mapping[str, Any]]) -> list[Refusal]:
    """Return the reasons, those of one place together, the places with the fewest reasons first.

    Raises
    ------
    FieldError
        A reason has no code, or its text is not one by language.
    """
    by_place: dict[str | None, list[Refusal]] = {}
    for position, reason in enumerate(reasons):
        one = _refusal(reason, f"reasons[{position}]")
        by_place.setdefault(one.place, []).append(one)
    return [one for group in sorted(by_place.values(), key=len) for one in group]


def _refusal(reason: Mapping[str, Any], path: str) -> Refusal:
    code, text = reason.get("code"), reason.get("text")
    require(isinstance(code, str) and bool(code), f"{path}.code", "must be a text that is not empty")
    require(
        text is None or (isinstance(text, Mapping) and all(isinstance(one, str) for one in text.values())),
        f"{path}.text",
        "must be an object of texts by language",
    )
    return Refusal(
        str(code), _side(reason.get("asked")), _side(reason.get("offered")), _side(reason.get("place")), text or None
    )


def _side(value: Any) -> str | None:
    """Return one side of a reason, or its place, as text."""
    if value is None:
        return None
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value) or None
