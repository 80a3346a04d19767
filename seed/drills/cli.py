"""`creneau crisis drill`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from app.commands.failure import CommandFailed
from app.core.clock import today
from seed.demo.service import DemoFailed
from seed.drills.comparison import comparison_table, scenario_table, score_table
from seed.drills.keys import COORDINATOR, people, read_keys
from seed.drills.play import Drill
from seed.drills.scenarios import UnknownScenario, scenario_of

PAGE_COLUMNS = 130
"""Width of the tables where they do not go to a terminal."""


def drill(
    *,
    scenario: Annotated[str | None, typer.Option(help="What is played; --list names them.", metavar="NAME")] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the scenarios, and end.")] = False,
    url: Annotated[str, typer.Option(help="Address of the service.")] = "http://127.0.0.1:8000",
    keys_file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Keys by role, as `creneau up` writes into demo-keys.json.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same number gives the same answers.")] = 1,
    time_limit: Annotated[float, typer.Option(min=1, max=600, help="Seconds to plan each tier of capacity.")] = 15,
    sign_minutes: Annotated[
        float, typer.Option(min=0, help="How long to wait for the authority where its key is not here.")
    ] = 10,
) -> None:
    """Play a drill on a running service: declared, planned, signed by two, answered, stood down, scored, and compared.

    The coordinator's key comes from --keys-file or CRENEAU_COORDINATOR_KEY, the authority's from the same file or
    CRENEAU_AUTHORITY_KEY; without it, the drill waits until the authority has signed. CDMOs whose keys are in the file
    answer with them; for the others the coordinator plays the answer, and the audit trail says so. Nothing outside the
    drill's own records is written: the database refuses it.

    Example: creneau crisis drill --scenario respiratory_virus --keys-file var/demo-keys.json
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PAGE_COLUMNS
    if list_them:
        console.print(scenario_table())
        return
    if scenario is None:
        raise CommandFailed("name what is played with --scenario, or list what there is with --list")
    try:
        chosen = scenario_of(scenario)
        taking_part = people(url.rstrip("/"), read_keys(keys_file, os.environ))
        console.print(f"[bold]{chosen.title}[/bold]\n{chosen.story}\n")
        play = Drill(chosen, taking_part, console.print, today(), seed, time_limit, sign_minutes * 60)
        score = play.play()
        scores = list(taking_part[COORDINATOR].items("/v1/drill-scores", scenario=chosen.name))
    except UnknownScenario as error:
        raise CommandFailed(str(error)) from None
    except DemoFailed as error:
        raise CommandFailed(f"the drill cannot go on: {error}") from error
    except httpx.HTTPError as error:
        raise CommandFailed(f"the service no longer answers: {type(error).__name__} {error}") from error
    console.print(score_table(score), "", comparison_table(scores), sep="\n")
