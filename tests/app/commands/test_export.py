"""`creneau export`: the same files as over HTTP, from the command line."""

import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL

from app.cli import main
from app.commands import export
from app.commands.export import Content
from app.commands.failure import CommandFailed
from app.core.sheets.formats import FileFormat
from tests.app.capacity.files import fetch, send
from tests.support import server
from tests.support.world import World


async def test_slots_of_an_organisation_are_written(
    client: httpx.AsyncClient, world: World, owner_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, own = await world.cdmo(name="Usine SA")
    await world.slot(await world.unit(cdmo), 0, 40)
    monkeypatch.setenv("DATABASE_OWNER_URL", server.secret(owner_url).get_secret_value())
    written = tmp_path / "slots.csv"
    words = ["creneau", "export", "slots", "--organisation", "Usine SA", "--output", str(written)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(main)
    assert ended.value.code in {0, None}
    assert written.read_bytes() == await fetch(client, own)
    for content, kind in ((Content.COMMITMENTS, FileFormat.XLSX), (Content.CHARGES, FileFormat.CSV)):
        await asyncio.to_thread(export.export, content, "Usine SA", kind, output=tmp_path / content)
        assert (tmp_path / content).stat().st_size > 0
    report = await send(client, (tmp_path / Content.COMMITMENTS).read_bytes(), own, what="commitments")
    assert report.json()["rows"] == []
    with pytest.raises(CommandFailed, match="no organisation called 'Usine'"):
        await asyncio.to_thread(export.export, Content.SLOTS, "Usine")
    with pytest.raises(CommandFailed, match="cannot be written"):
        await asyncio.to_thread(export.export, Content.CHARGES, output=tmp_path)


def test_slots_are_somebodys() -> None:
    with pytest.raises(CommandFailed, match="name the organisation"):
        export.export(Content.SLOTS)
