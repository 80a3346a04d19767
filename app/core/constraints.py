"""From a refused statement to the name of the rule that refused it."""

from asyncpg import PostgresError
from sqlalchemy.exc import DBAPIError

LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK_DETECTED = "40P01"
SERIALIZATION_FAILURE = "40001"
QUERY_CANCELED = "57014"
UNDEFINED_TABLE = "42P01"
RETRYABLE = frozenset({LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED, SERIALIZATION_FAILURE, QUERY_CANCELED})
CONNECTION_REFUSED_CLASSES = ("08", "28", "3D", "53", "57P")
"""Connection lost, wrong role or password, no such database, too many clients, shutting down or starting up.

Source: PostgreSQL documentation, appendix A, error codes.
"""


def is_connection_refused(sqlstate: str) -> bool:
    """Tell whether a SQLSTATE says that the server would not serve this connection at all."""
    return sqlstate.startswith(CONNECTION_REFUSED_CLASSES)


def cause_of(error: DBAPIError) -> BaseException | None:
    """Return the driver's own error, which alone carries the details."""
    return getattr(error.orig, "__cause__", None)


def _cause(error: DBAPIError) -> PostgresError | None:
    """Return what the server said, or None if it said nothing."""
    cause = cause_of(error)
    return cause if isinstance(cause, PostgresError) else None


def constraint_of(error: DBAPIError) -> str | None:
    """Return the name of the constraint that was violated, or None if it was something else."""
    cause = _cause(error)
    return getattr(cause, "constraint_name", None) if cause else None


def sqlstate_of(error: DBAPIError) -> str | None:
    """Return the SQLSTATE of the refusal, or None if the server did not answer."""
    cause = _cause(error)
    return getattr(cause, "sqlstate", None) if cause else None
