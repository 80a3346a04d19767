"""How a command gives up: one line on standard error that says what to do next, and exit code 1."""

from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError

from app.core.settings import Settings


class CommandFailed(Exception):
    """The command cannot go on; the message is one line."""


def read_settings() -> Settings:
    """The settings of the environment.

    Raises
    ------
    CommandFailed
        A variable cannot be used; names it, never its value, which may hold a password.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors()]
        raise CommandFailed(f"the environment cannot be used: {'; '.join(faults)}") from None
    except ArgumentError:
        raise CommandFailed(
            "DATABASE_URL or DATABASE_OWNER_URL cannot be read; write postgresql://user:password@host:port/database"
        ) from None
