"""What commands make sure of before they start anything."""

import asyncio
import errno
import socket

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.commands.failure import CommandFailed

_CONNECT_SECONDS = 10.0


def ensure_port_free(host: str, port: int) -> None:
    """Make sure that a server could listen on an address.

    Raises
    ------
    CommandFailed
        Something listens there already, or this account may not.
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandFailed(
                f"port {port} is in use: stop what listens there, or choose another with --port"
            ) from None
        raise CommandFailed(
            f"port {port} of {host} cannot be used ({error.strerror}): choose another with --port"
        ) from None


def ensure_reachable(variable: str, url: str, *, advice: str = "Start that server, or correct the address") -> None:
    """Make sure that a database answers.

    Parameters
    ----------
    variable
        Name of the environment variable that names the database.
    url
        Its value, an SQLAlchemy URL.
    advice
        What to do if it does not.

    Raises
    ------
    CommandFailed
        It does not; the password is not shown.
    """
    try:
        asyncio.run(_connect_once(url))
    except (OSError, TypeError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        shown = make_url(url).set(drivername="postgresql").render_as_string(hide_password=True)
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = " ".join(str(cause).split()) or "no answer in time"
        raise CommandFailed(f"{variable} ({shown}) cannot be reached: {reason}. {advice}") from None


async def _connect_once(url: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": _CONNECT_SECONDS})
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("SELECT 1")
    finally:
        await engine.dispose()
