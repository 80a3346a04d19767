"""`creneau crisis`: what is run around a crisis; commands of packages above `app` join it."""

import typer

EXAMPLE = "creneau crisis drill --list"

crisis = typer.Typer(
    help="Play drills of a health crisis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@crisis.callback()
def _group() -> None:
    """Keep this a group however few commands there are."""
