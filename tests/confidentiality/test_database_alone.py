"""With the service's own checks switched off, the database alone shows nobody a row that is another's."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from app.identity import dependencies
from app.identity.actor import Actor
from app.identity.models import Role
from tests.confidentiality.play import Play
from tests.confidentiality.test_walk import canaries_in, play, told_to, urls_of

pytestmark = pytest.mark.database
__all__ = ["play"]

READERS = ("A", "B", "asking", "X", "Y", "stranger", "observer")

DEALS_WITH: Mapping[str, tuple[str, ...]] = {"X": ("A", "asking"), "Y": ("B",)}
"""Whose requests a CDMO sees; which of their columns it reads is for the service to say, but for the product's."""

PUBLIC_ROW = "price on the line of"
"""The catalogue is everybody's: who reads which of its prices is for the service to say."""

OF_ALL = "/v1/runs/{run_id}/explanations/{request_id}"
"""What the engine says of one's own request is made of everybody's: the service withholds the names of others."""


def make_gullible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the service take everybody for the coordinator, who may read everything; the database is told the truth."""
    known = dependencies._known

    async def taken_for_another(*asked: Any) -> Actor:
        return replace(await known(*asked), role=Role.COORDINATOR)

    monkeypatch.setattr(dependencies, "_require_policy", lambda *_: None)
    monkeypatch.setattr(dependencies, "_known", taken_for_another)
    monkeypatch.setattr(Actor, "sees", lambda *_: True)
    monkeypatch.setattr(Actor, "require", lambda *_: None)


def may_be_seen(play: Play, reader: str, value: str) -> bool:
    meaning = play.meaning[value]
    if reader in play.readers_of[value] or meaning.startswith(PUBLIC_ROW):
        return True
    if "product" in meaning or "code name" in meaning or "theme" in meaning:
        return meaning.startswith("identifier of products") and any(
            one in play.readers_of[value] for one in DEALS_WITH.get(reader, ())
        )
    return any(meaning.endswith(f" of {one}") or one in play.readers_of[value] for one in DEALS_WITH.get(reader, ()))


async def test_no_row_of_another_organisation_is_read(
    app: FastAPI, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gullible(monkeypatch)
    found: set[str] = set()
    read = 0
    for reader in READERS:
        for path, url in urls_of(app, play, "get"):
            # It fails where it relies on a row that it has been told to exist: that tells nothing of it.
            told = await told_to(play, reader, url, may_fail=True)
            if told is None or path == OF_ALL or path.startswith("/v1/organisations"):
                continue
            for value in canaries_in(play, told) - canaries_in(play, url):
                read += reader in play.readers_of[value]
                if not may_be_seen(play, reader, value):
                    found.add(f"{reader} finds {play.meaning[value]} at {path}")
    assert not found, "\n".join(sorted(found))
    assert read > 100
