"""Whether what was planned can still be done by today: campaigns lie ahead, and nobody gives way at short notice."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from app.core.clock import today
from app.crisis.declaration import CrisisRules


def too_late(rules: CrisisRules, campaigns: Iterable[date], lots: Iterable[date]) -> dict[str, Any]:
    """Return which campaigns start by today, and which lots within the frozen days; nothing if none does.

    Parameters
    ----------
    campaigns
        The days on which campaigns are to start.
    lots
        The days on which the lots start that would give way.
    """
    present = today()
    frozen_until = present + timedelta(days=rules.frozen_days)
    past = [day.isoformat() for day in sorted(campaigns) if day <= present]
    frozen = [day.isoformat() for day in sorted(lots) if day < frozen_until]
    if not past and not frozen:
        return {}
    return {"campaigns_past": past, "lots_frozen": frozen, "frozen_until": frozen_until.isoformat()}


def is_too_late(body: Mapping[str, Any]) -> bool:
    """Tell whether any campaign of a signed body starts by today, or a lot that gives way within the frozen days."""
    campaigns = [date.fromisoformat(one["start"]) for one in body["campaigns"]]
    lots = [date.fromisoformat(one["from"]["start"]) for one in body["displacements"]]
    return bool(too_late(CrisisRules.model_validate(body["rules"]), campaigns, lots))
