"""`creneau serve`: the API."""

from contextlib import suppress
from typing import Annotated

import typer
import uvicorn

from app.commands.checks import ensure_port_free
from app.commands.failure import CommandFailed, read_settings
from app.commands.starting import ensure_fit_to_start
from app.core.garbage import importing

EXAMPLE = "creneau serve --host 0.0.0.0 --port 8000"
_LAST_REQUESTS_SECONDS = 5


def serve(
    host: Annotated[str, typer.Option(envvar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65_535, help="Port to listen on.")] = 8000,
) -> None:
    """Serve the API; any number of these may run behind a balancer.

    Needs DATABASE_URL, and a database that `creneau migrate` has brought to the present schema. Refuses to start with a
    password or token of the examples, and under a role that stands above rights and policies.
    """
    ensure_fit_to_start(read_settings())
    ensure_port_free(host, port)
    typer.echo(f"Serving on http://{host}:{port}")
    with importing():  # other commands start quicker without the whole service
        from app.core.head_limit import HeadLimit  # noqa: PLC0415
        from app.main import create_app  # noqa: PLC0415

        app = create_app()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=HeadLimit,
            server_header=False,
            access_log=False,  # the application logs each request itself
            log_config=None,  # leaves warnings and errors, on standard error
            timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
        )
    )
    app.state.is_stopping = lambda: server.should_exit
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise CommandFailed("the API did not start; its last messages are above")
