"""From facts to figures: every figure told is true and of enough, and the rest does not follow from them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.indicators.figures import Asked, Booked, Facts, Offered, Promised, figures_of
from app.indicators.rules import LEAST_ORGANISATIONS
from app.indicators.schemas import Figures

REGIONS = ("Bretagne", "Normandie", "Occitanie")
MODALITIES = ("monoclonal_antibody", "viral_vector_aav")
WHO = st.integers(1, 12).map(lambda number: UUID(int=number))


def rows(kind: Any, *columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.tuples(*columns).map(lambda values: kind(*values)), max_size=40)


region, modality, reserve = (st.sampled_from(names) for names in (REGIONS, MODALITIES, ("open", "startup")))
facts = st.builds(
    Facts,
    regions=st.just(REGIONS),
    offered=rows(Offered, region, modality, reserve, WHO, st.integers(1, 90)),
    booked=st.just([]),
    asked=rows(
        Asked, region, modality, WHO, st.sampled_from(("placed", "unmet", "waiting")), st.integers(0, 90) | st.none()
    ),
    promised=rows(Promised, reserve, WHO, st.integers(1, 40), st.integers(0, 60)),
    includes_scenario=st.just(False),
)


def scopes(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"nation": document["nation"], **document["regions"]}


@given(facts)
def test_every_figure_is_true_and_of_enough_organisations(given_facts: Facts) -> None:
    for scope, figures in scopes(figures_of(given_facts)).items():
        Figures.model_validate(figures)
        for row in figures["capacity"]:
            share = [
                one
                for one in given_facts.offered
                if (one.modality, one.reserve) == (row["modality"], row["reserve"]) and scope in {"nation", one.region}
            ]
            if row["published_days"] is not None:
                assert row["published_days"] == sum(one.days for one in share)
                assert not share or len({one.cdmo_id for one in share}) >= LEAST_ORGANISATIONS
        for row in figures["requests"]:
            asked = [
                one for one in given_facts.asked if one.modality == row["modality"] and scope in {"nation", one.region}
            ]
            check_requests(row, asked)
        for row in figures["agreements"]:
            if row["promised_batch_days"] is not None:
                promised = [one for one in given_facts.promised if one.reserve == row["reserve"]]
                assert row["promised_batch_days"] == sum(one.promised for one in promised)
                assert row["published_batch_days"] == sum(min(one.promised, one.published) for one in promised)


def check_requests(row: Mapping[str, Any], asked: list[Asked]) -> None:
    for name, of in (("submitted", asked), *((key, outcome(asked, key)) for key in ("placed", "unmet"))):
        if row[name] is not None:
            assert row[name] == len(of)
            assert is_enough(of)
    if row["placed"] is not None:  # and what is left of them is of enough too
        assert is_enough(outcome(asked, "waiting"))
    assert row["placed"] or row["median_access_weeks"] is None


def is_enough(some: list[Asked]) -> bool:
    return not some or len({one.startup_id for one in some}) >= LEAST_ORGANISATIONS


def outcome(asked: list[Asked], name: str) -> list[Asked]:
    return [one for one in asked if one.outcome == name]


@given(facts)
def test_the_regions_that_are_kept_back_are_together_of_enough_and_more_than_one(given_facts: Facts) -> None:
    document = figures_of(given_facts)
    for at, row in enumerate(document["nation"]["requests"]):
        if row["submitted"] is None:
            continue
        kept_back = {name for name, one in document["regions"].items() if one["requests"][at]["submitted"] is None}
        asked: dict[str, set[UUID]] = defaultdict(set)
        for one in given_facts.asked:
            if one.modality == row["modality"] and one.region in kept_back:
                asked[one.region].add(one.startup_id)
        if kept_back:
            assert len(asked) > 1
            assert len(set().union(*asked.values())) >= LEAST_ORGANISATIONS


def test_booked_days_are_told_where_enough_start_ups_booked_of_enough_makers() -> None:
    offered = [Offered("Bretagne", "mab", "open", UUID(int=number), 90) for number in range(1, 6)]

    def told(startups: int) -> Any:
        booked = [
            Booked("Bretagne", "mab", "open", UUID(int=number), UUID(int=100 + number % startups), 9)
            for number in range(1, 6)
        ]
        made = Facts(REGIONS, offered, booked, [], [], includes_scenario=False)
        return figures_of(made)["nation"]["capacity"][0]

    assert (told(5)["published_days"], told(5)["booked_days"]) == (450, 45)
    assert (told(4)["published_days"], told(4)["booked_days"]) == (450, None)


def test_access_is_the_median_in_weeks() -> None:
    asked = [Asked("Bretagne", "mab", UUID(int=number), "placed", 10 * number) for number in range(1, 6)]
    made = Facts(REGIONS, [], [], asked, [], includes_scenario=True)
    document = figures_of(made)
    assert document["nation"]["requests"][0]["median_access_weeks"] == 4
    assert document["regions"]["Bretagne"]["requests"][0]["median_access_weeks"] == 4
    assert document["regions"]["Occitanie"]["requests"][0] == {
        "modality": "mab",
        "submitted": 0,
        "placed": 0,
        "unmet": 0,
        "median_access_weeks": None,
    }
