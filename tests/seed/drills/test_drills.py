"""Drills as the command plays them: scenarios that fit the service, answers settled by a seed, errors that help."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.commands.failure import CommandFailed
from app.crisis.profiles import profiles
from seed.drills.answers import Answer, answers_to
from seed.drills.cli import drill
from seed.drills.comparison import comparison_table, score_table
from seed.drills.keys import read_keys
from seed.drills.makers import largest_maker, makers, sites_of
from seed.drills.scenarios import UnknownScenario, scenario_of, scenarios


def test_there_are_four_scenarios_each_of_a_known_profile_with_targets_that_add_up() -> None:
    assert list(scenarios()) == ["respiratory_virus", "adenoviral_vaccine", "bacterial_outbreak", "cdmo_failure"]
    for scenario in scenarios().values():
        assert scenario.countermeasure["profile"] in profiles()
        assert list(scenario.targets) == sorted(scenario.targets)
        assert [doses for _, doses in scenario.targets] == sorted({doses for _, doses in scenario.targets})
    assert [one.name for one in scenarios().values() if one.largest_maker_is_out] == ["cdmo_failure"]


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownScenario, match=r"no scenario 'flu': choose among respiratory_virus, adenoviral"):
        scenario_of("flu")


def orders(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"o{number}", "start": f"2030-01-{20 - number:02}", "unit_id": f"u{number}", "slot_id": "s"}
        for number in range(count)
    ]


@pytest.mark.parametrize(("count", "told"), [(0, []), (1, ["accept"]), (2, ["accept", "counter"])])
def test_few_orders_are_accepted_before_one_is_countered(count: int, told: list[str]) -> None:
    assert sorted(answers_to(orders(count), 1).values()) == told


def test_one_of_many_orders_is_countered_and_one_left_unanswered_by_seed_and_place() -> None:
    found = answers_to(orders(9), 4)
    assert sorted(found.values()).count(Answer.ACCEPT) == 7
    assert {Answer.COUNTER, Answer.SILENCE} < set(found.values())
    renamed = [{**one, "id": one["id"] + "x"} for one in reversed(orders(9))]
    assert {name.rstrip("x"): answer for name, answer in answers_to(renamed, 4).items()} == found
    assert len({tuple(answers_to(orders(9), seed).values()) for seed in range(20)}) > 5


PROFILE = {"modality": "monoclonal_antibody", "gmp_phase": "phase_2", "platform": "CHO"}


def line(name: str, organisation: str, litres: float | None, **given: Any) -> dict[str, Any]:
    return {
        "name": name,
        "site_id": f"site of {name[0]}",
        "site_name": f"Site of {name[0]}",
        "organisation_id": organisation,
        "bookable": True,
        "modalities": ["monoclonal_antibody"],
        "gmp_phases": ["phase_1", "phase_2"],
        "platforms": ["CHO"],
        "working_volume_l": litres,
        "batches_in_parallel": 1,
        "units": [{}],
        **given,
    }


LINES = [
    line("A1", "a", 1000),
    line("A2", "a", 1000),
    line("B1", "b", 1800),
    line("C1", "c", 9000, bookable=False),
    line("D1", "d", 9000, gmp_phases=["tox"]),
    line("E1", "e", 9000, platforms=["HEK293"]),
    line("F1", "f", None),
]


def test_the_largest_maker_has_the_most_volume_on_lines_that_could_make_it() -> None:
    able = makers(LINES, PROFILE)
    assert [one["name"] for one in able] == ["B1", "A1", "A2", "F1"]
    assert largest_maker(able) == "a"
    assert largest_maker([]) is None
    assert sites_of(able, 2) == ["site of B", "site of A"]
    assert [one["name"] for one in makers(LINES, PROFILE, without="a")] == ["B1", "F1"]


def test_keys_come_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"coordinator": {"key": "k1"}, "cdmo": {"key": "k2"}}))
    assert read_keys(file, {"CRENEAU_AUTHORITY_KEY": "k3"}) == {"coordinator": "k1", "cdmo": "k2", "authority": "k3"}
    assert read_keys(None, {"CRENEAU_COORDINATOR_KEY": "k4"}) == {"coordinator": "k4"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "does not exist"),
        ("no json", "is no file of keys"),
        ("[]", "is no file of keys"),
        ('{"coordinator": "k"}', "is no file of keys"),
        ("{}", "there is no key of the coordinator"),
    ],
)
def test_keys_that_cannot_be_read_are_told_with_what_to_do(tmp_path: Path, content: str | None, told: str) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CommandFailed, match=f"{told}.*--keys-file"):
        read_keys(file, {})


def test_the_command_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandFailed, match="--list"):
        drill()
    with pytest.raises(CommandFailed, match="choose among"):
        drill(scenario="flu")
    monkeypatch.setenv("CRENEAU_COORDINATOR_KEY", "crn_x")
    with pytest.raises(CommandFailed, match=r"no service answers at http://127\.0\.0\.1:9 .*creneau up"):
        drill(scenario="cdmo_failure", url="http://127.0.0.1:9/")


def test_the_list_and_the_tables_tell_what_was_played(capsys: pytest.CaptureFixture[str]) -> None:
    drill(list_them=True)
    assert "bacterial_outbreak" in capsys.readouterr().out
    doses = {"low": 1, "expected": 2_000, "high": 3_000_000}
    score = {
        "title": "T",
        "scenario": "flu",
        "declared_at": "2030-01-02T03:04:05Z",
        "hours_to_plan": 0.01,
        "hours_to_signature": 5.04,
        "hours_to_activation": None,
        "doses": [{"day": day, "on": "2030-02-01", "planned": doses, "accepted": doses} for day in (30, 60, 90)],
        "orders": {"issued": 3, "accepted": 1, "countered": 1, "unanswered": 1},
        "bookings": {"moved": 1, "displaced": 2, "effective": 3},
        "planned_cost_cents": 100_00,
        "accepted_cost_cents": 50_00,
        "targets": [{"by": "2030-03-01", "quantity": 7, "planned": 9, "accepted": 8, "met": True}],
        "targets_met": 1,
    }
    assert score_table(score).row_count == 11
    columns = {str(column.header): list(column.cells) for column in comparison_table([score] * 12).columns}
    assert len(columns["declared"]) == 10
    assert columns["declared"][0] == "2030-01-02 03:04"
    assert (columns["to plan"][0], columns["signed"][0]) == ("36 s", "5.0 h")
    assert (columns["day 60"][0], columns["targets met"][0]) == ("2 000", "1 of 1")
