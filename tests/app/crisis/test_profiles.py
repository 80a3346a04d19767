"""Countermeasure profiles: every figure says where it comes from, and a declaration says what came of its profile."""

import re
from pathlib import Path

import pytest

from app.core.vocabulary import Basis, Reserve
from app.crisis.profiles import profiles
from seed.vocabulary import MODALITY_CODES
from tests.app.crisis.conftest import Crises, countermeasure, iso, maker
from tests.support.world import World

REFERENCES = (Path(__file__).parents[3] / "seed" / "data" / "README.md").read_text(encoding="utf-8")


def test_a_figure_is_sourced_with_its_reference_or_marked_illustrative() -> None:
    for profile in profiles().values():
        for field, figure in profile.figures():
            assert figure.basis in {Basis.SOURCED, Basis.ILLUSTRATIVE}, (profile.code, field)
            assert figure.basis is Basis.ILLUSTRATIVE or figure.references, (profile.code, field)
            assert figure.note, (profile.code, field)


def test_every_reference_is_one_of_the_reference_datas() -> None:
    told = {one for profile in profiles().values() for _, figure in profile.figures() for one in figure.references}
    assert len(told) > 10
    for reference in told:
        code, text = re.fullmatch(r"([A-Z]\d+): (.*?)(?: \(weak source\)|, copy of .*)?", reference).groups()  # type: ignore[union-attr]
        assert re.search(rf"\b{code} {re.escape(text)}", REFERENCES), reference


def test_a_profile_is_of_a_known_modality_and_its_yields_are_in_order() -> None:
    assert {"antibody", "adenoviral_vaccine", "mrna_vaccine", "phage_cocktail"} <= profiles().keys()
    for profile in profiles().values():
        assert profile.modality in MODALITY_CODES
        [doses] = [one for one in (profile.doses_per_litre, profile.doses_per_batch) if one is not None]
        assert 0 < doses.low.value < doses.expected.value < doses.high.value


@pytest.mark.database
async def test_everybody_who_is_signed_in_reads_the_profiles(crises: Crises, world: World) -> None:
    _, headers = await world.startup()
    for by in (crises.coordinator, crises.authority, headers):
        answer = await crises.client.get("/v1/countermeasures", headers=by)
        found = {one["code"]: one for one in answer.json()["items"]}
        assert found["adenoviral_vaccine"]["doses_per_litre"]["high"] == {
            "value": 10_000,
            "basis": "sourced",
            "note": "with perfusion",
            "references": ["P15: pmc.ncbi.nlm.nih.gov/articles/PMC10932548"],
        }
    assert (await crises.client.get("/v1/countermeasures")).status_code == 401


@pytest.mark.database
async def test_a_declaration_names_a_profile_and_stores_what_it_came_to(crises: Crises) -> None:
    crisis_id = await crises.declared(countermeasure={"profile": "antibody", "doses_per_litre": _doses(2, 8, 21)})
    made = (await crises.get(f"/{crisis_id}"))["countermeasure"]
    assert (made["name"], made["modality"], made["platform"]) == ("Monoclonal antibody", "monoclonal_antibody", "CHO")
    assert made["doses_per_litre"] == _doses(2, 8, 21)
    assert {field: mark["basis"] for field, mark in made["figures"].items()} == {
        "doses_per_litre.low": "illustrative",
        "doses_per_litre.expected": "declared",
        "doses_per_litre.high": "illustrative",
    }
    assert made["release_days"] is None, "an illustrative figure does not stand before the line's own"


@pytest.mark.database
async def test_sourced_days_are_in_force_and_what_is_given_stands_before_them(crises: Crises, world: World) -> None:
    crisis_id = await crises.declared(
        countermeasure={"profile": "aav_gene_therapy", "doses_per_litre": _doses(0, 1, 2), "cadence_days": 20}
    )
    made = (await crises.get(f"/{crisis_id}"))["countermeasure"]
    assert (made["first_batch_days"], made["cadence_days"], made["doses_per_batch"]) == (35, 20, None)
    assert made["figures"]["first_batch_days"]["basis"] == "sourced"
    assert made["figures"]["cadence_days"]["basis"] == "declared"


@pytest.mark.database
async def test_marks_are_worked_out_and_never_taken_over(crises: Crises) -> None:
    false = {"doses_per_litre.low": {"basis": "sourced", "note": "by us", "references": ["X"]}}
    crisis_id = await crises.declared(countermeasure=countermeasure(figures=false))
    made = (await crises.get(f"/{crisis_id}"))["countermeasure"]
    assert {mark["basis"] for mark in made["figures"].values()} == {"declared"}


@pytest.mark.database
async def test_what_a_profile_came_to_stays_when_something_else_is_changed(
    crises: Crises, monkeypatch: pytest.MonkeyPatch
) -> None:
    crisis_id = await crises.declared(countermeasure={"profile": "antibody"})
    before = await crises.get(f"/{crisis_id}")
    monkeypatch.setattr("app.crisis.profiles.profiles", dict)
    headers = {**crises.coordinator, "If-Match": '"1"'}
    answer = await crises.client.patch(f"/v1/crises/{crisis_id}", json={"title": "Wave"}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["countermeasure"] == before["countermeasure"]


@pytest.mark.database
@pytest.mark.parametrize(
    ("given", "pointer", "told"),
    [
        ({"profile": "moon_dust"}, "/countermeasure/profile", "choose among antibody,"),
        ({"profile": "antibody", "modality": "mrna_lnp"}, "/countermeasure/modality", "monoclonal_antibody"),
        ({"profile": "antibody", "doses_per_litre": 4}, "/countermeasure/doses_per_litre", ""),
        ({"profile": 7}, "/countermeasure/profile", ""),
        ({"profile": "antibody", "colour": "red"}, "/countermeasure/colour", ""),
    ],
)
async def test_a_profile_that_cannot_be_used_is_a_fault_of_its_field(
    crises: Crises, given: dict[str, object], pointer: str, told: str
) -> None:
    body = {"title": "x", "mode": "real", "start": iso(0), "end": iso(9), "powers": [], "targets": []}
    answer = await crises.client.post("/v1/crises", json={**body, "countermeasure": given}, headers=crises.coordinator)
    assert answer.status_code == 422
    faults = {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}
    assert pointer in faults
    assert told in faults[pointer]


@pytest.mark.database
async def test_the_plan_that_is_signed_tells_where_its_figures_come_from(crises: Crises, world: World) -> None:
    await world.slot((await maker(world)).unit, 0, 120, reserve=Reserve.CRISIS)
    targets = [{"by": iso(110), "quantity": 10_000}]
    _, plan = await crises.sketched(countermeasure={"profile": "antibody"}, targets=targets)
    told = plan["body"]["countermeasure"]
    assert (told["profile"], told["doses_per_litre"]["expected"]) == ("antibody", 9)
    assert told["figures"]["doses_per_litre.low"]["references"][0].startswith("P14: ")
    assert plan["body"]["campaigns"][0]["doses_per_batch"] == {"low": 4_000, "expected": 18_000, "high": 42_000}


def _doses(low: int, expected: int, high: int) -> dict[str, int]:
    return {"low": low, "expected": expected, "high": high}
