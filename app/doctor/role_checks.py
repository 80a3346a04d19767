"""The role of the application: what promises rest on is that it owns nothing and may little."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.known_secrets import role_of
from app.core.settings import APPLICATION_ROLE
from app.core.tenancy import SERVICE_ROLE
from app.doctor import repository
from app.doctor.deployment import Deployment
from app.doctor.findings import Finding, fault, ok, warning
from app.doctor.repository import Standing

ANOTHER_ROLE = (
    f"Keep this role for DATABASE_OWNER_URL, run `creneau migrate` under it, which makes {APPLICATION_ROLE}, and name "
    f"that role in DATABASE_URL"
)
GROWING = ("audit_records", "audit_seals", "charges")
"""Tables whose rows only grow, whatever else does."""
WITHOUT_POLICIES = {
    "alembic_version": "the revision of the schema",
    "jobs.": "the queue, in which a job is a kind and an identifier",
}
"""Tables, or beginnings of their names, whose rows belong to nobody, and what they hold."""


def above_policies(role: Standing) -> str | None:
    """Return why no right and no policy holds for a role, or None if they do."""
    if role.is_superuser:
        return f"{role.name} is a superuser: it may do everything, whatever rights and policies say"
    if role.bypasses_policies:
        return f"{role.name} has BYPASSRLS: no row is kept from it"
    return None


async def check_role(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether the role is one of those without powers, and cannot become another."""
    role = await repository.standing(session)
    if reason := above_policies(role):
        return [fault(f"{reason}.", f"{ANOTHER_ROLE}.")]
    found = []
    if powers := [name for has, name in ((role.makes_databases, "CREATEDB"), (role.makes_roles, "CREATEROLE")) if has]:
        without = " ".join(f"NO{power}" for power in powers)
        advice = f"Have an administrator run  ALTER ROLE {role.name} {without};"
        advice = advice if role.name == APPLICATION_ROLE else f"{ANOTHER_ROLE}."
        found.append(fault(f"{role.name} has {' and '.join(powers)}.", advice))
    if stronger := await repository.stronger_roles(session):
        fact = f"{role.name} is a member of {_some(stronger)}, and so may do what that role may."
        found.append(fault(fact, f"Have an administrator run  REVOKE {', '.join(stronger)} FROM {role.name};"))
    return found or [ok(f"{role.name} has no power over databases, roles or policies.")]


async def check_ownership(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether the role owns nothing, for owners may change what they own, and cannot add to the schema."""
    role = await repository.standing(session)
    if role.is_superuser:
        return [fault(f"{role.name} may change the schema, as any superuser.", f"{ANOTHER_ROLE}.")]
    found = []
    if owned := await repository.owned(session):
        fact = f"{role.name} owns {_some(owned)}: it may switch off triggers and policies, and change the schema."
        found.append(fault(fact, f"{ANOTHER_ROLE}. With one role for both, the service works, and this stays unheld."))
    if places := await repository.open_schemas(session):
        advice = f"As the owner, run  REVOKE CREATE ON SCHEMA ... (or DATABASE ...) FROM {role.name}, PUBLIC;"
        found.append(fault(f"{role.name} may make things in {_some(places)}.", advice))
    return found or [ok(f"{role.name} owns nothing, and may make nothing.")]


async def check_growing(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether neither a right nor a trigger that is off lets rows change that only grow."""
    kept = await repository.kept_tables(session)
    found = []
    if missing := [table for table in GROWING if table not in kept]:
        found.append(fault(f"Nothing refuses changes of {_some(missing)}.", "Run `creneau migrate`."))
    for table in (table for table, is_on in kept.items() if not is_on):
        advice = f"As the owner, run  ALTER TABLE {table} ENABLE TRIGGER USER;  then `creneau audit verify`."
        found.append(fault(f"A trigger that refuses changes of {table} is switched off.", advice))
    if changeable := await repository.changeable(session, sorted({*kept, *GROWING})):
        advice = "As the owner, run  REVOKE UPDATE, DELETE, TRUNCATE ON ... FROM that role, and from PUBLIC."
        found.append(fault(f"The role has a right to change or remove rows of {_some(changeable)}.", advice))
    return found or [ok("Rows of the audit trail and of charges can only be added.")]


async def check_policies(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether every table of ours keeps the rows of organisations apart, its owner's eyes included."""
    tables = [
        table
        for table in await repository.table_policies(session)
        if not table.name.startswith(tuple(WITHOUT_POLICIES))
    ]
    lacking = {
        "have no policy": [one.name for one in tables if not one.policies],
        "have row-level security switched off": [one.name for one in tables if one.policies and not one.enabled],
        "do not force it on their owner": [one.name for one in tables if one.enabled and not one.forced],
    }
    found = [
        fault(
            f"{len(names)} of {len(tables)} tables {what}: {_some(names)}.",
            "Run `creneau migrate`; until then, whoever runs SQL under the role reads these rows of everybody.",
        )
        for what, names in lacking.items()
        if names
    ]
    if not tables:
        return [fault("There are no tables.", "Run `creneau migrate`.")]
    inherits = await repository.inherits_service(session)
    if inherits is None:
        fact = f"The role may not take {SERVICE_ROLE}: whatever concerns several organisations fails."
        found.append(fault(fact, "Run `creneau migrate`."))
    elif inherits:
        fact = f"The role has the rights of {SERVICE_ROLE} without taking it: it sees the rows of everybody."
        found.append(
            fault(
                fact,
                "Run `creneau migrate`, which says what to take back. With one role for both addresses, this stays so.",
            )
        )
    return found or [ok(f"All {len(tables)} tables keep the rows of organisations apart.")]


async def check_two_roles(deployment: Deployment) -> list[Finding]:
    """Whether another role owns the schema than the one that serves."""
    settings = deployment.settings
    if settings.database_url is None or settings.database_owner_url is None:
        return []
    if "database_owner_url" not in settings.model_fields_set:
        return [ok("DATABASE_OWNER_URL is not set here: only `creneau migrate`, `seed`, `key` and `export` need it.")]
    name = role_of(settings.database_url)
    if name == role_of(settings.database_owner_url):
        fact = f"DATABASE_URL and DATABASE_OWNER_URL name the same role, {name or 'the default one'}."
        return [fault(fact, f"{ANOTHER_ROLE}.")]
    here = "Unset DATABASE_OWNER_URL where `creneau serve` and `creneau worker` run"
    if deployment.is_local:
        return [ok("Two roles are named, one that serves and one that owns.")]
    return [warning("DATABASE_OWNER_URL is set: whoever takes over this process has the owner's rights.", f"{here}.")]


def _some(names: list[str], most: int = 4) -> str:
    """Return some names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
