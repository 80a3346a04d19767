"""Sentences in both languages from the same data, for those who may read names and for those who may not."""

from __future__ import annotations

import string
from datetime import date

import pytest

from scheduler.explanation.explanation import Explanation
from scheduler.explanation.rendering import FATES, Renderer
from scheduler.explanation.statements import Change, Facts, Holder, LevelChange, Place, Statement, Who
from scheduler.explanation.wording import LANGUAGES, TEMPLATES, is_one
from scheduler.fields import FieldError
from scheduler.problem import MAXIMISED, MINIMISED, Demand
from tests.scheduler.explanation.cases import anywhere, explained, problem_of, sentence

ORIGIN = date(2027, 1, 1)
BEATEN = problem_of(
    Demand("r7", "o1", 1, 8, (anywhere(9, cost=300),)),
    Demand("r3", "o2", 1, 5, (anywhere(5, cost=100),)),
    Demand("r12", "o1", 1, 5, (anywhere(5, cost=50),)),
)


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_language_has_the_same_keys_and_places_to_fill() -> None:
    english, french = (TEMPLATES[language] for language in LANGUAGES)
    assert english.keys() == french.keys()
    for key in english:
        assert fields(english[key]) == fields(french[key]), key
        assert english[key].strip(), key


def test_every_fate_and_objective_has_words() -> None:
    keys = TEMPLATES["en"].keys()
    assert {f"fate.{fate}.{form}" for fate in FATES for form in ("one", "many")} <= keys
    assert {f"objective.{name}" for name in MAXIMISED | MINIMISED} <= keys


@pytest.mark.parametrize(("language", "singular"), [("en", {1}), ("fr", {0, 1})])
def test_plurals_follow_the_language(language: str, singular: set[int]) -> None:
    assert {number for number in range(4) if is_one(language, number)} == singular


def people(language: str, *everyone: Who) -> str:
    return Renderer(language, ORIGIN, {}).people(everyone)


def test_people_are_named_with_their_weights() -> None:
    r3, r4, other = Who("demand", "r3", "o", 5), Who("demand", "r4", "o", 2), Who("demand", weight=5)
    assert people("en", r3) == "r3 (weight 5)"
    assert people("en", r3, r4) == "r3 and r4 (weights 5 and 2, together 7)"
    assert people("en", other) == "another request (weight 5)"
    assert people("en", other, other) == "2 other requests (weight 5 each, together 10)"
    assert people("fr", other, other) == "2 autres demandes (poids 5 chacune, 10 ensemble)"
    assert people("fr", r3, other) == "r3 et une autre demande (poids 5 chacune, 10 ensemble)"
    assert people("en", Who("campaign", "s"), Who("campaign", "s")) == "2 campaigns (s)"
    assert people("fr", Who("movable", "b", None, 3)) == "la réservation b (poids 3)"


def test_numbers_dates_and_money_are_those_of_the_language() -> None:
    level = LevelChange("cost", worse=True, before=1_234_550, after=2_000_000, best=1_300_000)
    cost = Statement("would_cost", Facts(Who("demand", "r", "o", 1), levels=(level,), changes=(), proven=False))
    english, french = (Renderer(language, ORIGIN, {}).sentence(cost) for language in LANGUAGES)
    assert "from 12,345.50 EUR to 20,000 EUR, by 7,654.50 EUR" in english
    # The cost is at least 13,000 - 12,345.50.
    assert english.endswith("it costs at least 654.50 EUR.")
    assert "de 12 345,50 EUR à 20 000 EUR, soit 7 654,50 EUR" in french
    assert "au moins 654,50 EUR" in french


def test_a_cost_that_is_not_proven_is_never_called_the_least() -> None:
    for best in (None, 10):
        level = LevelChange("weight", worse=True, before=10, after=8, best=best)
        cost = Statement("would_cost", Facts(Who("demand", "r", "o", 1), levels=(level,), changes=(), proven=False))
        text = Renderer("en", ORIGIN, {}).sentence(cost)
        assert text.endswith("as far as found in the time given; a lower cost is not excluded.")
        assert "least" not in text


def test_every_fate_reads_as_a_sentence() -> None:
    def said(language: str, fate: str, number: int) -> str:
        changes = tuple(Change(fate, Who("demand", f"r{n}", "o", 1)) for n in range(number))
        return Renderer(language, ORIGIN, {}).deeds(changes)

    assert said("en", "restored", 1) == "give r0 (weight 1) its place back"
    assert said("en", "restored", 2) == "give r0 and r1 (weight 1 each, together 2) their places back"
    assert said("fr", "shifted", 1) == "donnerait une autre place à r0"
    assert said("fr", "shifted", 3) == "donnerait d'autres places à r0, r1 et r2"
    assert said("en", "shifted", 9) == "give 9 other requests other places"
    assert said("en", "unplaced", 9).startswith("unplace r0, r1, r2, r3, r4, r5, r6, r7 and r8 (weight 1 each")
    assert said("en", "moved", 0) == "change nothing for the others"


def test_labels_replace_identifiers_in_the_text_only() -> None:
    why = explained(BEATEN, "r7")
    labels = {"r7": "Lot A", "r3": "Lot B", "w": "Lyon, suite 2"}
    assert sentence(why, "would_cost", labels=labels).startswith(
        "Placing Lot A (weight 8) would unplace Lot B and r12 ("
    )
    assert "dans Lyon, suite 2" in sentence(why, "place_held", "fr", labels=labels)
    assert why.document(labels)["statements"][1]["data"]["changes"][0]["who"]["id"] == "r3"


def test_a_label_withheld_takes_the_name_out_of_text_and_data() -> None:
    document = explained(BEATEN, "r7").rendered({"r3": None})
    assert "another request" in document.statements[1].text["en"]
    assert "r3" not in document.to_json()
    assert "r12" in document.to_json()


def test_a_party_reads_of_others_their_weight_alone() -> None:
    why = explained(BEATEN, "r7")
    document = why.rendered(party="o1")
    cost, held = document.statements[1], document.statements[3]
    # r12 is of the same party, r3 of another.
    assert [one.who.id for one in held.data.holders or ()].count(None) == 1
    assert Holder(Who("demand", weight=5)) in (held.data.holders or ())
    assert cost.text["en"].startswith(
        "Placing r7 (weight 8) would unplace r12 and another request (weight 5 each, together 10)."
    )
    assert "r12 et une autre demande" in cost.text["fr"]
    assert "r3" not in document.to_json()
    assert "o2" not in document.to_json()


def test_a_party_reads_no_total_of_costs() -> None:
    # The same weight either way, 300 cents instead of 50: the difference would tell the other's price.
    problem = problem_of(
        Demand("r1", "o1", 1, 5, (anywhere(9, cost=300),)),
        Demand("r2", "o2", 1, 5, (anywhere(9, cost=50),)),
        objectives=("weight", "cost"),
    )
    why = explained(problem, "r1")
    assert "from 0.50 EUR to 3 EUR" in why.text("en")
    told = why.rendered(party="o1")
    assert "The first objective to change is the cost, for the worse. This" in told.text("en", party="o1")
    assert "EUR" not in told.to_json()
    assert '"before": 50' not in told.to_json()
    assert '"before": 50' in why.to_json()


def test_no_party_reads_what_concerns_another() -> None:
    with pytest.raises(FieldError, match="party: is not that of the subject"):
        explained(BEATEN, "r7").document(party="o2")
    with pytest.raises(FieldError, match="language: must be one of en, fr"):
        explained(BEATEN, "r7").text("de")


def test_a_document_has_data_and_text_side_by_side_and_reads_back() -> None:
    why = explained(BEATEN, "r7")
    document = why.document()
    assert document["format"] == "creneau-explanation/1"
    assert document["origin"] == "2027-01-01"
    assert document["subject"] == {"kind": "demand", "id": "r7", "party": "o1", "weight": 8}
    first = document["statements"][0]
    assert (first["code"], first["data"]["who"]["id"]) == ("unplaced", "r7")
    assert first["text"] == {
        "en": "r7 (weight 8) has no place in this plan.",
        "fr": "r7 (poids 8) n'a pas de place dans ce plan.",
    }
    again = Explanation.from_json(why.to_json())
    assert again == why
    assert again.text("fr") == why.text("fr")
    assert Explanation.from_json(why.rendered().to_json()).rendered() == why.rendered()


def test_a_place_is_a_half_open_period_or_a_range_of_starts() -> None:
    renderer = Renderer("en", ORIGIN, {})
    assert renderer.place(Place("w", 5, 0, 0)) == "[2027-01-01, 2027-01-06) in w"
    assert renderer.place(Place("w", 1, 0, 31, 0, 2)) == "1 day in w, starting from 2027-01-01 to 2027-02-01 (rank 2)"
