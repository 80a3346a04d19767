"""How a command gives up: one line on standard error that says what to do next, and exit code 1."""

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
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
        faults = [_told(fault) for fault in error.errors()]
        raise CommandFailed(f"the environment cannot be used: {'; '.join(faults)}") from None
    except ArgumentError:
        raise CommandFailed(
            "DATABASE_URL or DATABASE_OWNER_URL cannot be read; write postgresql://user:password@host:port/database"
        ) from None


def _told(fault: ErrorDetails) -> str:
    """Return what is wrong in our own words where we have said it, with the variable unless those name it."""
    said = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else fault["msg"]
    return ": ".join(filter(None, (".".join(map(str, fault["loc"])).upper(), said)))


def database_of(settings: Settings) -> SecretStr:
    """The address of the database under the application's role.

    Raises
    ------
    CommandFailed
        DATABASE_URL is not set.
    """
    return _named("DATABASE_URL", settings.database_url, "name the database")


def owned_database_of(settings: Settings) -> SecretStr:
    """The address of the database under the role that owns its schema.

    Raises
    ------
    CommandFailed
        DATABASE_OWNER_URL is not set.
    """
    advice = "name the database and the role that owns its schema"
    return _named("DATABASE_OWNER_URL", settings.database_owner_url, advice)


def _named(variable: str, url: SecretStr | None, advice: str) -> SecretStr:
    if url is None:
        raise CommandFailed(f"{variable} is not set: {advice}. `creneau up` has a database of its own, and prints this")
    return url
