"""What `up` says once everything runs: where things are, and who can sign in."""

import json
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from rich.console import Console
from rich.table import Table
from rich.text import Text


def say_welcome(
    console: Console,
    *,
    url: str,
    data_dir: Path,
    database: str,
    addresses: Mapping[str, str],
    keys_file: Path,
    mail_to_console: bool,
) -> None:
    """Print where the service is, where its data are, and the roles that have a key.

    Keys themselves are never printed.

    Parameters
    ----------
    console
        Where to print.
    url
        Address of the service.
    data_dir
        The data folder.
    database
        Where the database is, in words.
    addresses
        The variables under which other commands find it, with their values, which hold no password; none
        where the user has set them.
    keys_file
        The demo keys, one for each role; may be missing.
    mail_to_console
        Whether links for signing in are printed here, and not mailed.
    """
    console.print(Text("Créneau is ready.", style="bold green"))
    for name, value in (
        ("Service", url),
        ("API", f"{url}/docs"),
        ("Sign in", f"{url}/sign-in"),
        ("Database", database),
        ("Data", str(data_dir)),
        ("Demo keys", str(keys_file) if keys_file.exists() else "none: the database was filled elsewhere"),
    ):
        console.print(Text.assemble((f"  {name:<10}", "bold"), value), soft_wrap=True)
    if keys_file.exists():
        console.print(_who_can_sign_in(keys_file))
        console.print(
            Text('Use a key as  Authorization: Bearer <key>;  each role has its own under "key" in that file.'),
            soft_wrap=True,
        )
    if mail_to_console:
        console.print(
            Text("To sign in with a browser, ask for a link on that page with a person's address; it is printed here."),
            soft_wrap=True,
        )
    if addresses:
        console.print("For other commands in another terminal, such as `creneau jobs`:")
        for name, address in addresses.items():
            console.print(Text(f"  export {name}={quote(address.replace('+asyncpg', '', 1))}"), soft_wrap=True)
    console.print(Text("Ctrl-C stops everything.", style="dim"))


def _who_can_sign_in(keys_file: Path) -> Table:
    table = Table("Role", "Organisation", "Address", title="Who can sign in", title_justify="left")
    for role, entry in json.loads(keys_file.read_text(encoding="utf-8")).items():
        table.add_row(role, entry["organisation"], entry.get("email", ""))
    return table
