"""`creneau demo`."""

import os
import time

import typer
from rich.console import Console

from seed.demo.service import DemoFailed, running_service
from seed.demo.story import tell

PAGE_COLUMNS = 110
"""Width of the story where it does not go to a terminal."""


def demo() -> None:
    """Play the whole story through the HTTP API, on a database of its own, and leave nothing behind.

    Takes about a minute. Example: creneau demo
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PAGE_COLUMNS
    started = time.monotonic()
    try:
        console.print("Starting a service with the demonstration scenario ...")
        with running_service(dict(os.environ)) as service:
            tell(service, console)
    except DemoFailed as failure:
        typer.echo(f"creneau demo: {failure}", err=True)
        raise typer.Exit(1) from None
    console.print(f"\nThe story took {time.monotonic() - started:.0f} s; nothing of it is left running.")
