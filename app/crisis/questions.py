"""What is asked again about a plan in which bookings give way, and what is said of the answers: pure.

Each question is the plan's own problem under one condition more. The same is asked of a plan to choose and of an
amendment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.crisis.choices import variation
from app.crisis.settling import Settled
from app.crisis.weighing import (
    PLAN_CODES,
    Outcome,
    displacement_statement,
    kept_statement,
    one_fewer_statement,
)
from app.crisis.wording import statement

Document = Mapping[str, Any]

ONE_FEWER = "one_fewer"


@dataclass(frozen=True, slots=True)
class Question:
    """One condition more: only so many bookings give way, or these keep their place."""

    name: str
    limits: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[str, ...] = ()

    def about(self, plan: Document, name: str, seconds: float) -> dict[str, Any]:
        """Return it as a variation: all else that the plan was solved under holds still."""
        own = {key: value for key, value in plan.items() if key in {"costs", "targets"}}
        limits = {**plan.get("limits", {}), **self.limits}
        kept = sorted({*plan.get("kept", ()), *self.kept})
        return variation(name, seconds, plan["objectives"], **own, limits=limits, kept=kept)


def questions(settled: Settled) -> list[Question]:
    """Return what is asked: one booking fewer, whichever they are, and each of them kept; nothing if nobody yields."""
    bookings = [str(one.booking.booking_id) for one in settled.displacements]
    if not bookings:
        return []
    fewer = Question(ONE_FEWER, limits={"bookings": len(bookings) - 1})
    return [fewer, *(Question(one, kept=(one,)) for one in bookings)]


def statements(
    plan: Outcome, answers: Mapping[str, Outcome], *, plain: bool = True, codes: Mapping[str, str] = PLAN_CODES
) -> dict[str, Any]:
    """Return why a plan asks what it asks: of all who give way, with one fewer, and of each.

    Parameters
    ----------
    answers
        What came of the questions, by their names; what is missing was not established.
    plain, codes
        As `kept_statement` has them.
    """
    displacements: Sequence[Any] = plan.settled.displacements
    if not displacements:
        nobody = statement(codes["nobody"], {})
        return {"displacement": nobody, "one_fewer": nobody, "bookings": []}
    return {
        "displacement": displacement_statement(plan),
        "one_fewer": one_fewer_statement(plan, answers.get(ONE_FEWER), plain=plain),
        "bookings": [
            {
                "booking_id": str(one.booking.booking_id),
                "why": kept_statement(plan, answers.get(str(one.booking.booking_id)), plain=plain, codes=codes),
            }
            for one in displacements
        ],
    }
