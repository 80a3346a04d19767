"""Whose keys a drill is played with: the coordinator's, the authority's where it is there, and those of CDMOs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from app.commands.failure import CommandFailed
from seed.demo.client import Person
from seed.demo.service import Service

COORDINATOR, AUTHORITY = "coordinator", "authority"
VARIABLES = {COORDINATOR: "CRENEAU_COORDINATOR_KEY", AUTHORITY: "CRENEAU_AUTHORITY_KEY"}
HOW = (
    "name a file of keys with --keys-file, such as the demo-keys.json that `creneau up` writes into its data folder,"
    f" or set {VARIABLES[COORDINATOR]}, and {VARIABLES[AUTHORITY]} unless the authority signs by itself"
)


def read_keys(file: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Return keys by the name of who holds them: those of the environment stand before those of the file.

    Raises
    ------
    CommandFailed
        The file is none of keys, or the coordinator's is missing.
    """
    keys = _in_file(file) if file else {}
    keys |= {name: environment[variable] for name, variable in VARIABLES.items() if environment.get(variable)}
    if COORDINATOR not in keys:
        raise CommandFailed(f"there is no key of the coordinator: {HOW}")
    return keys


def _in_file(file: Path) -> dict[str, str]:
    try:
        content: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        return {name: str(entry["key"]) for name, entry in content.items()}
    except FileNotFoundError:
        raise CommandFailed(f"{file} does not exist: {HOW}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise CommandFailed(f"{file} is no file of keys: {HOW}") from None


def people(url: str, keys: Mapping[str, str]) -> dict[str, Person]:
    """Return who holds the keys, as the service knows them.

    Raises
    ------
    CommandFailed
        No service answers there, or a key is not what it is said to be.
    """
    entries = {}
    for name, key in keys.items():
        me = _who(url, name, key)
        wanted = name if name in VARIABLES else None
        if wanted and (me["role"] != wanted or me["person"] is None):
            raise CommandFailed(f"the key of the {name} is not in the hands of a person in that role, but {me['role']}")
        if wanted or me["role"] == "cdmo_planner":
            organisation = me["organisation"]
            entries[name] = {"key": key, "organisation": organisation["name"], "organisation_id": organisation["id"]}
    service = Service(url, entries)
    return {name: Person(service, name) for name in entries}


def _who(url: str, name: str, key: str) -> dict[str, Any]:
    try:
        answer = httpx.get(f"{url}/v1/me", headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False)
    except httpx.HTTPError as error:
        raise CommandFailed(
            f"no service answers at {url} ({type(error).__name__}): start one with `creneau up`"
        ) from None
    except httpx.InvalidURL:
        raise CommandFailed(f"{url} is no address of a service") from None
    if answer.status_code in {401, 403}:
        raise CommandFailed(f"the service at {url} does not know the key of the {name}")
    if not answer.is_success:
        raise CommandFailed(f"{url} answers {answer.status_code} to GET /v1/me: it is no such service, or is not ready")
    me: dict[str, Any] = answer.json()
    return me
