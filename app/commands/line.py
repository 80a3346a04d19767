"""The command line, put together from the modules of the commands."""

import importlib
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from app.commands.failure import CommandFailed

_OWN_COMMANDS = ("up", "serve", "worker", "migrate", "key", "jobs", "doctor", "export", "audit", "privacy", "crisis")
_ENTRY_POINT_GROUP = "creneau.commands"


def run(cli: typer.Typer) -> None:
    """Run the wanted command, or explain all; a command that gives up says why in one line."""
    try:
        cli(prog_name="creneau")
    except CommandFailed as failure:
        typer.echo(f"creneau: {failure}", err=True)
        sys.exit(1)


def command_line(wanted: str | None) -> typer.Typer:
    """The wanted command alone, for importing all of them takes seconds; all, if it is not one of them."""
    cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    cli.callback(epilog="Example: creneau up")(creneau)
    adders: dict[str, Callable[[typer.Typer], None]] = {name: partial(_add_own, name) for name in _OWN_COMMANDS}
    adders |= {entry.name: partial(_add_foreign, entry) for entry in entry_points(group=_ENTRY_POINT_GROUP)}
    for name, add in adders.items():
        if name == wanted or wanted not in adders:
            add(cli)
    return cli


def _show_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"creneau {installed_version('creneau')}")
        raise typer.Exit


def creneau(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version, and end.")
    ] = False,
) -> None:
    """The marketplace for the manufacturing capacity of biological medicines."""


def _add_own(name: str, cli: typer.Typer) -> None:
    module = importlib.import_module(f"app.commands.{name}")
    command = getattr(module, name)
    if isinstance(command, typer.Typer):
        for entry in entry_points(group=f"{_ENTRY_POINT_GROUP}.{name}"):
            _add_foreign(entry, command)
    _add(cli, name, command, epilog=f"Example: {module.EXAMPLE}")


def _add_foreign(entry: EntryPoint, cli: typer.Typer) -> None:
    """Add the command of a package above this one, unless this installation leaves that package out."""
    try:
        command = entry.load()
    except ModuleNotFoundError as error:
        if error.name is None or not f"{entry.module}.".startswith(f"{error.name}."):
            raise
        return
    _add(cli, entry.name, command)


def _add(cli: typer.Typer, name: str, command: typer.Typer | Callable[..., None], epilog: str | None = None) -> None:
    if isinstance(command, typer.Typer):
        cli.add_typer(command, name=name, epilog=epilog or command.info.epilog)
    else:
        cli.command(name, epilog=epilog)(command)
