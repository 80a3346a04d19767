"""What runs: the server, the schema, the clocks, the workers and their jobs."""

import ctypes
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import now
from app.core.health import expected_revision, schema_fault
from app.core.heartbeats import worker_fault
from app.core.jobs import JobState, job_counts
from app.core.web_addresses import is_loopback
from app.doctor import repository
from app.doctor.deployment import Deployment
from app.doctor.findings import Finding, fault, ok, warning

OLDEST_VERSION = 150_000
SLOW_SECONDS, WRONG_SECONDS = 1.0, 30.0
LATE_SECONDS = 600.0
_UNSYNCHRONISED = 5
"""What `adjtimex` answers while nothing keeps the clock. Source: adjtimex(2), TIME_ERROR."""


async def check_server(session: AsyncSession, deployment: Deployment) -> list[Finding]:
    """Whether the server is new enough, keeps every character, and takes the settings of a connection."""
    server = await repository.server(session)
    found = []
    if server.version < OLDEST_VERSION:
        advice = "Move to a later one; 15 is the oldest that Créneau is tested with."
        found.append(fault(f"PostgreSQL is {server.version_text}, older than 15.", advice))
    if server.encoding != "UTF8":
        advice = "Make a database with ENCODING 'UTF8', and restore into it."
        found.append(fault(f"The database is encoded in {server.encoding}, which cannot hold every name.", advice))
    asked = f"{deployment.settings.lock_timeout_ms}ms", f"{deployment.settings.statement_timeout_ms}ms"
    limits = _milliseconds(server.lock_timeout), _milliseconds(server.statement_timeout)
    if server.timezone != "UTC" or limits != asked:
        fact = f"Connections do not keep what they ask for: time zone {server.timezone}, timeouts {', '.join(limits)}."
        advice = "If a pooler stands before the database, let it pass start-up parameters on, or pool whole sessions."
        found.append(fault(fact, advice))
    return found or [ok(f"PostgreSQL {server.version_text}, {server.encoding}, connections in {server.timezone}.")]


def _milliseconds(shown: str) -> str:
    """Return a timeout as PostgreSQL shows it, in its largest whole unit, in milliseconds."""
    for unit, factor in (("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)):
        if shown.removesuffix(unit).isdecimal() and shown != shown.removesuffix(unit):
            return f"{int(shown.removesuffix(unit)) * factor}ms"
    return shown


async def check_transport(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether what goes to the database and back can be read on the way."""
    way = await repository.transport(session)
    if way.is_encrypted:
        return [ok("The connection to the database is encrypted.")]
    if way.client is None or is_loopback(way.client):
        return [ok("The connection to the database stays on this machine.")]
    advice = "Add  ?ssl=require  to DATABASE_URL, or keep both on a network that nobody else is on."
    return [warning("The connection to the database is not encrypted.", advice)]


async def check_schema(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether every migration has been run, and none that is unknown here."""
    if reason := await schema_fault(session):
        return [fault(reason, "Run `creneau migrate` of this version under DATABASE_OWNER_URL.")]
    return [ok(f"The schema is at its head, {expected_revision()}.")]


async def check_clocks(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether this machine and the database agree on what time it is."""
    before = now()
    at_database = await repository.clock(session)
    after = now()
    apart = max((before - at_database).total_seconds(), (at_database - after).total_seconds(), 0.0)
    if apart > SLOW_SECONDS:
        say = fault if apart > WRONG_SECONDS else warning
        fact = f"The clocks of this machine and of the database are {apart:.0f} s apart."
        return [
            say(fact, "Have both set by NTP: holds, keys and sign-ins end by one of them and are read by the other.")
        ]
    return [ok("The clocks of this machine and of the database agree within a second.")]


def _kernel_clock() -> int:
    """Return what the kernel says of its clock; below 0 where it cannot be asked."""
    try:
        ask = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError, TypeError):
        return -1
    return int(ask(ctypes.create_string_buffer(512)))  # all zero: it is read, and nothing is set


async def check_ntp(_: Deployment, ask: Callable[[], int] = _kernel_clock) -> list[Finding]:
    """Whether something keeps the clock of this machine."""
    state = ask()
    if state < 0:
        return [ok("Whether NTP keeps the clock of this machine cannot be told here.")]
    if state == _UNSYNCHRONISED:
        advice = "Switch a time service on, such as chrony; inside a container, on the machine that carries it."
        return [warning("Nothing keeps the clock of this machine.", advice)]
    return [ok("The clock of this machine is kept.")]


async def check_worker(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether anybody runs the jobs."""
    if reason := await worker_fault(session):
        return [fault(reason, "Offers, holds and the seals of the audit trail wait for one.")]
    return [ok("A worker was seen in the last half minute.")]


async def check_jobs(session: AsyncSession, _: Deployment) -> list[Finding]:
    """Whether jobs are done in time, and none waits for people."""
    jobs = await job_counts(session)
    found = []
    if parked := jobs.of(JobState.PARKED):
        advice = "See `creneau jobs list --state parked`, then `creneau jobs retry` or `drop` each."
        found.append(warning(f"{parked} jobs have failed for good, and wait for somebody.", advice))
    if jobs.longest_wait_s > LATE_SECONDS:
        fact = f"A job that is due has waited for {jobs.longest_wait_s / 60:.0f} min."
        found.append(fault(fact, "See whether workers run, and `creneau jobs`; run more of them if they are busy."))
    return found or [ok(f"{jobs.of(JobState.WAITING)} jobs wait, none of them late, and none is parked.")]
