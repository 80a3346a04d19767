"""What the policies of tables open, and to whom: they add to one another, so that one that is too wide is enough."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.tenancy import DRILL_ROLE, SERVICE_ROLE
from app.doctor import repository
from app.doctor.deployment import Deployment
from app.doctor.findings import Finding, fault, ok
from app.doctor.repository import Policy
from app.doctor.role_checks import WITHOUT_POLICIES

OF_SERVICE = (SERVICE_ROLE, DRILL_ROLE)
"""Roles that the service takes for a stretch: what is open to them is no other's affair."""
POLICIES = frozenset({"seen", "added", "changed", "removed"})
"""What the migrations call the policies of everybody."""
OPEN_TO_ALL = frozenset(
    {
        "calendar_versions",
        "catalogue_state",
        "indicator_editions",
        "line_modalities",
        "modalities",
        "organisation_labels",
        "organisations",
        "production_lines",
        "sites",
        "units",
        "worker_heartbeats",
    }
)
"""Tables whose rows everybody may read: the catalogue, and what tells nothing of anybody."""

MOST_SHOWN = 4


async def check_openness(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether no policy lets others at rows than those that the migrations made, nor has become a plain yes."""
    wide = [one for one in await repository.open_policies(session, OF_SERVICE) if _is_too_wide(one)]
    if not wide:
        return [ok("No policy opens more than the migrations have it open.")]
    names = ", ".join(f"{one.name} on {one.table}" for one in wide[:MOST_SHOWN])
    rest = f" and {len(wide) - MOST_SHOWN} more" if len(wide) > MOST_SHOWN else ""
    advice = "As the owner, run  DROP POLICY ... ON ...;  and make again what the migrations had made."
    return [fault(f"Policies let others at more rows than those of the migrations: {names}{rest}.", advice)]


def _is_too_wide(policy: Policy) -> bool:
    if policy.table.startswith(tuple(WITHOUT_POLICIES)):
        return False
    may_be_open = policy.is_for_reading and policy.table in OPEN_TO_ALL
    return policy.name not in POLICIES or policy.written == "true" or (policy.seen == "true" and not may_be_open)
