"""What planning an active crisis anew is asked for: kept with its run, whose problems are made from it."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.crisis.amendment_body import Amending
from app.crisis.campaigns import Brief
from app.crisis.declaration import CrisisTarget
from app.crisis.models import Crisis
from app.crisis.stock import Stock

ASKED_ANEW = "asked_anew"
"""Under this name the references of a run hold what it was asked for, until its problems are made."""


class AskedAnew(BaseModel):
    """What a planner may say: since when to reason, new targets or None, and the units that are gone, or back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason_code: str
    as_of_on: date
    targets: tuple[CrisisTarget, ...] | None
    unavailable_unit_ids: tuple[UUID, ...]
    available_unit_ids: tuple[UUID, ...] = ()


def wanted_by(asked: AskedAnew | Amending, brief: Brief) -> Brief:
    """Return a brief with the targets that are asked for, where they are new."""
    return brief if asked.targets is None else replace(brief, targets=asked.targets)


def changes_anything(crisis: Crisis, asked: AskedAnew, stock: Stock) -> bool:
    """Tell whether there is something to amend even where nothing is missing.

    Units that are gone or back, new targets, or an amendment that nobody wants in force any more.
    """
    has_units = bool(stock.standing.leaving or asked.available_unit_ids)
    return has_units or stock.has_open_amendment or _changes_targets(crisis, asked)


def _changes_targets(crisis: Crisis, asked: AskedAnew) -> bool:
    return asked.targets is not None and crisis.targets != [one.model_dump(mode="json") for one in asked.targets]
