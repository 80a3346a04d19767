"""`python -m seed`: the same commands as `creneau seed`."""

import sys

import typer

from app.commands.failure import CommandFailed
from seed.cli import cli


def main() -> None:
    """Run the command line; a command that gives up says why in one line."""
    try:
        cli(prog_name="creneau seed")
    except CommandFailed as failure:
        typer.echo(f"creneau: {failure}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
