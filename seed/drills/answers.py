"""What CDMOs answer in a drill: most accept, one counters, one keeps silent; the same seed gives the same answers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class Answer(StrEnum):
    """What becomes of an order."""

    ACCEPT = "accept"
    COUNTER = "counter"
    SILENCE = "silence"


COUNTER_DAYS = 21
"""How much later a CDMO that counters could start."""


def answers_to(orders: Sequence[Mapping[str, Any]], seed: int) -> dict[str, Answer]:
    """Return the answer to each order by its identifier: with two orders one counters, with three one is silent too.

    Orders are told apart by where and when they run: their identifiers differ from drill to drill.
    """
    placed = sorted(orders, key=lambda order: (order["start"], order["unit_id"], order["slot_id"]))
    chosen = random.Random(seed).sample(range(len(placed)), min(2, max(0, len(placed) - 1)))  # noqa: S311 - no secret
    others = dict(zip(chosen, (Answer.COUNTER, Answer.SILENCE), strict=False))
    return {order["id"]: others.get(number, Answer.ACCEPT) for number, order in enumerate(placed)}
