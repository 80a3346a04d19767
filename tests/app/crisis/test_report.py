"""The report of a crisis tells every step, who signed what, who gave way and what became of it, and what it cost."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings.errors import BookingRefused, OtherCdmo, OwnDays, SamePlace
from app.cli import main
from app.core.settings import Settings
from app.crisis import notice_wording, report_wording
from app.crisis.amendment_activation import REASON
from app.crisis.order_schemas import CounterReason
from app.crisis.plan_schemas import ReplanReason
from app.crisis.reason_wording import REASONS
from app.crisis.report_schemas import ReportLanguage
from app.crisis.report_wording import CODES, reason_told
from app.crisis.restoring_rules import Unavailable
from app.crisis.schemas import StandDownCommand
from app.crisis.telling import DISPLACED, UNNEEDED
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, iso, power
from tests.support.world import World

pytestmark = pytest.mark.database

SOURCE = "".join(path.read_text(encoding="utf-8") for path in Path(report_wording.__file__).parent.glob("*.py"))
"""All that is written of crises, where each step that is recorded is named."""


async def ended(crises: Crises, world: World, **given: Any) -> tuple[str, Any]:
    """Tell a crisis to its end: one lot moved, and its place offered back and taken."""
    place = await contested(world)
    crisis_id, plan = await crises.activated(**{"targets": CONTESTED_TARGET, **given})
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    await crises.post(f"/{crisis_id}/stand-down")
    if not given:
        [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
        await crises.post(f"/{crisis_id}/restorations/{offer['id']}/accept", by=place.first.headers)
    return crisis_id, plan


async def test_it_tells_everything_from_the_declaration_to_the_end(crises: Crises, world: World) -> None:
    crisis_id, plan = await ended(crises, world)
    report = await crises.get(f"/{crisis_id}/report", by=crises.authority)
    assert report == {**(await crises.get(f"/{crisis_id}/report")), "made_at": report["made_at"]}
    steps = [one["action"] for one in report["timeline"]]
    told = ["crisis.declared", "crisis_plan.proposed", "crisis_plan.signed", "crisis.active", "crisis_order.accepted"]
    told += ["displacement.effective", "crisis.stood_down", "restoration.offered", "restoration.accepted"]
    assert [step for step in told if step not in steps] == []
    [planned] = report["plans"]
    assert (planned["plan_hash"], planned["hash_matches"]) == (plan["plan_hash"], True)
    signed = [(one["role"], one["hash_matches"], bool(one["person"])) for one in planned["signatures"]]
    assert signed == [("coordinator", True, True), ("authority", True, True)]
    [target] = report["targets"]
    assert target == {"by": iso(60), "wanted": 20_000, "planned": 20_000, "accepted": 0, "delivered": 0}
    [gone] = report["displacements"]
    assert (gone["kind"], gone["status"], gone["offered_back"], gone["became"]) == (
        "moved",
        "effective",
        "accepted",
        "confirmed",
    )
    assert gone["ground"] == "requisition_or_order: Act on requisition_or_order"
    assert gone["to_start"] == iso(143)
    ledger, closed = report["ledger"], report["ledger_at_end"]
    assert (ledger["balance_cents"], ledger["faults"], closed["faults"]) == (0, [], [])
    assert (closed["net_cost_cents"], ledger["net_cost_cents"]) == (10_000_000, 2_500_000)
    assert (ledger["orders_charged_cents"], ledger["orders_credited_cents"]) == (100_000_000, 100_000_000)


@pytest.mark.parametrize(("language", "words"), [("en", "Lots that gave way"), ("fr", "Lots qui ont laissé la place")])
async def test_it_is_markdown_in_two_languages(crises: Crises, world: World, language: str, words: str) -> None:
    crisis_id, plan = await ended(crises, world, title="Flu | <b> and more", mode="drill", powers=[power("exercise")])
    path = f"/v1/crises/{crisis_id}/report"
    answer = await crises.client.get(f"{path}?format=markdown&language={language}", headers=crises.coordinator)
    assert answer.headers["content-type"].startswith("text/markdown")
    assert words in answer.text
    assert r"Flu \| \<b\> and more" in answer.text
    assert plan["plan_hash"][:16] in answer.text
    accepting = {**crises.coordinator, "Accept": "text/markdown"}
    assert (await crises.client.get(path, headers=accepting)).text.startswith("# Drill report")
    assert (await crises.client.get(f"{path}?format=json", headers=accepting)).json()["mode"] == "drill"
    wrong = await crises.client.get(f"{path}?language=de", headers=crises.coordinator)
    assert wrong.status_code == 422


async def test_nobody_else_reads_it(crises: Crises, world: World) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    for headers in (place.made.headers, place.first.headers):
        await crises.get(f"/{crisis_id}/report", by=headers, expect=404)


async def test_a_plan_that_was_altered_is_told(crises: Crises, world: World, owner: AsyncEngine) -> None:
    crisis_id, _ = await ended(crises, world)
    async with owner.begin() as connection:
        await connection.execute(text("""UPDATE crisis_plans SET body = jsonb_set(body, '{tier}', '1')"""))
    [plan] = (await crises.get(f"/{crisis_id}/report"))["plans"]
    assert plan["hash_matches"] is False
    assert [one["hash_matches"] for one in plan["signatures"]] == [False, False]
    path = f"/v1/crises/{crisis_id}/report?format=markdown"
    assert "ALTERED" in (await crises.client.get(path, headers=crises.coordinator)).text


async def test_what_is_made_counts_as_delivered_by_the_day_it_leaves_testing(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """The campaign ends as planned, and its one batch leaves testing 10 days after production, by the target."""
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    made = (
        "UPDATE bookings SET status = 'completed', actual_start_on = lower(period), actual_end_on = upper(period) - 4,"
        " free_from_on = upper(period), batches_released = batches WHERE source = 'crisis'"
    )
    async with owner.begin() as connection:
        await connection.execute(text(made))
    report = await crises.get(f"/{crisis_id}/report")
    assert [one["delivered"] for one in report["targets"]] == [20_000]
    assert report["orders"][0]["delivered_doses"] == 20_000
    await crises.post(f"/{crisis_id}/stand-down")
    assert (await crises.get(f"/{crisis_id}/report"))["ledger"]["faults"] == []


async def test_a_fault_in_the_ledger_is_recorded_and_shown_and_the_crisis_ends_all_the_same(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    more = (
        "INSERT INTO charges (id, organisation_id, counterparty_id, booking_id, crisis_id, kind, amount_cents, detail)"
        " SELECT gen_random_uuid(), organisation_id, counterparty_id, booking_id, crisis_id, kind, 1, detail"
        " FROM charges WHERE kind = 'displacement_compensation' AND amount_cents > 0"
    )
    async with owner.begin() as connection:
        await connection.execute(text(more))
    assert (await crises.post(f"/{crisis_id}/stand-down"))["status"] == "stood_down"
    closed = (await crises.get(f"/{crisis_id}/report"))["ledger_at_end"]
    assert [one["code"] for one in closed["faults"]] == ["not_mirrored", "not_as_due", "unbalanced"]
    with pytest.raises(IntegrityError, match="takes corrections alone"):
        async with owner.begin() as connection:
            await connection.execute(text(more))
    corrected = more.replace("1, detail", """-1, detail || '{"code": "correction", "corrects": "one cent"}'""")
    corrected = corrected.replace("amount_cents > 0", "amount_cents = 1")
    async with owner.begin() as connection:
        await connection.execute(text(corrected))
    assert (await crises.get(f"/{crisis_id}/report"))["ledger"]["faults"] == []


async def test_the_command_line_writes_it(
    crises: Crises, world: World, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crisis_id, _ = await ended(crises, world)
    assert settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    written = tmp_path / "report.md"

    async def write(*words: str) -> object:
        monkeypatch.setattr(sys, "argv", ["creneau", "crisis", "report", *words])
        with pytest.raises(SystemExit) as over:
            await asyncio.to_thread(main)
        return over.value.code

    assert await write(crisis_id, "--language", "fr", "--output", str(written)) in {0, None}
    assert written.read_text(encoding="utf-8").startswith("# Rapport de crise: Outbreak")
    assert await write(crisis_id, "--format", "json", "-o", str(written)) in {0, None}
    assert json.loads(written.read_text(encoding="utf-8"))["crisis_id"] == crisis_id
    assert await write("00000000-0000-7000-8000-000000000000") == 1


def test_every_step_of_a_crisis_has_words() -> None:
    steps = set(
        re.findall(r'"((?:crisis|crisis_plan|crisis_order|crisis_power|displacement|restoration)\.[a-z_]+)"', SOURCE)
    )
    assert len(steps) > 30
    assert steps - set(CODES) == set()


def every_reason() -> set[str]:
    """Return the coded reasons that a step of a crisis, or its end, may have."""
    ends = get_args(StandDownCommand.model_fields["reason_code"].annotation)
    of_a_move = (SamePlace, OwnDays, OtherCdmo)
    kinds: list[type[BookingRefused]] = [BookingRefused, *BookingRefused.__subclasses__()]
    refused = [kind.type for kind in kinds if kind not in of_a_move]
    given = {*CounterReason, *ReplanReason, *Unavailable, *ends, DISPLACED, REASON, UNNEEDED, "ledger_fault"}
    written = set(re.findall(r'reason(?:_code)?="([a-z_]+)"', SOURCE)) | set(notice_wording.REASONS)
    return given | written | {one.replace("-", "_") for one in refused}


def test_every_coded_reason_has_words_in_both_languages() -> None:
    codes = every_reason()
    assert len(codes) >= 40
    assert codes - set(REASONS) == set()
    for code in REASONS:
        english, french = (reason_told(code, language) for language in ReportLanguage)
        assert "_" not in english + french
        assert english
        assert french not in {code, english}
