"""Whether it was looked at that a plan asks no more of others than it must: what its body and its reading say.

How much its displacement weighs, and the bound on that, stands in every body. What one displacement fewer would cost,
and what each buys, takes further solves: beside the plan, in its grounds, and only where time was given for them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

MINIMALITY = "minimality"
"""Under this name the body says it, and is signed with it."""


class Minimality(StrEnum):
    """What is known of it; the first three are said in a body, the others of one whose grounds are not there."""

    NOBODY_GIVES_WAY = "nobody_gives_way"
    NOT_LOOKED_AT = "not_looked_at"
    BESIDE = "beside"
    UNDER_WAY = "under_way"
    GIVEN_UP = "given_up"


def said_in(body: Mapping[str, Any], *, is_looked_at: bool) -> Minimality:
    """Return what a body is to say.

    Parameters
    ----------
    is_looked_at
        Whether time was given to look at it.
    """
    if not body["displacements"]:
        return Minimality.NOBODY_GIVES_WAY
    return Minimality.BESIDE if is_looked_at else Minimality.NOT_LOOKED_AT


def known_of(body: Mapping[str, Any], grounds: Mapping[str, Any] | None, *, is_under_way: bool) -> Minimality:
    """Return what is known of a plan by now; bodies of old do not say it, and were all looked at where they asked."""
    if is_under_way:
        return Minimality.UNDER_WAY
    said = Minimality(body.get(MINIMALITY, Minimality.BESIDE))
    return Minimality.GIVEN_UP if said is Minimality.BESIDE and grounds is None else said
