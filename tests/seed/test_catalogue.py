"""The real catalogue is whole, and says of each line whether it can be booked."""

from collections import Counter

from app.core.vocabulary import Origin
from app.identity.models import OrganisationKind
from seed.catalogue import COMMISSIONING_UNCONFIRMED, PRODUCER_SUFFIX, Catalogue
from seed.illustrative import FIGURES
from seed.labels import INTEGRATOR, LAUREATE
from seed.vocabulary import MODALITY_CODES


def test_everything_is_there(catalogue: Catalogue) -> None:
    assert len(catalogue.sites) == 45
    assert len(catalogue.lines) == 82
    assert len(catalogue.units) == 114
    assert len(catalogue.needs) == 37
    kinds = Counter(organisation.kind for organisation in catalogue.organisations)
    assert kinds == {OrganisationKind.STARTUP: 37, OrganisationKind.CDMO: 33, OrganisationKind.INTEGRATOR: 5}
    assert {row.origin for rows in (catalogue.organisations, catalogue.sites, catalogue.lines) for row in rows} == {
        Origin.REAL
    }


def test_every_name_of_an_organisation_is_its_own_even_where_a_company_both_makes_and_asks(
    catalogue: Catalogue,
) -> None:
    names = [organisation.name for organisation in catalogue.organisations]
    assert len(set(names)) == len(names)
    assert sorted(name.removesuffix(PRODUCER_SUFFIX) for name in names if name.endswith(PRODUCER_SUFFIX)) == [
        "Cell-Easy",
        "Flash Therapeutics",
        "StemInov",
    ]


def test_what_is_not_bookable_has_its_reason_and_a_planned_line_without_a_date_is_not_bookable(
    catalogue: Catalogue,
) -> None:
    reasons = Counter(line.not_bookable_reason for line in catalogue.lines)
    assert reasons == {
        None: 73,
        "captive or unconfirmed": 4,
        "activity not confirmed": 3,
        "planned": 1,
        COMMISSIONING_UNCONFIRMED: 1,
    }
    planned = next(line for line in catalogue.lines if line.not_bookable_reason == COMMISSIONING_UNCONFIRMED)
    assert planned.name.startswith("2,000 L train no. 2")
    sites = {site.id: site.name for site in catalogue.sites}
    at_risk = {sites[line.site_id] for line in catalogue.lines if line.continuity_at_risk}
    assert at_risk == {"CELLforCURE Les Ulis"}


def test_sourced_figures_are_named_as_the_catalogue_names_them(catalogue: Catalogue) -> None:
    sourced = Counter(name for line in catalogue.lines for name in line.sourced_fields)
    assert sourced == {
        "existence": 38,
        "working_volume_l": 16,
        "technology": 9,
        "batches_in_parallel": 4,
        "first_batch_days": 3,
        "throughput": 2,
        "culture_mode": 1,
    }


def test_labels_go_to_the_laureates_and_to_the_five_integrators_confirmed_by_name(catalogue: Catalogue) -> None:
    holders = {organisation.id: organisation.name for organisation in catalogue.organisations}
    integrators = {holders[label.organisation_id] for label in catalogue.labels if label.name == INTEGRATOR}
    laureates = {holders[label.organisation_id] for label in catalogue.labels if label.name == LAUREATE}
    assert integrators == {
        "AP-HP",
        "CHRU de Nancy and Université de Lorraine (LRGP)",
        "Inserm ART-TG and CiTHERA",
        "Université Paris Cité",
        "Établissement français du sang (EFS)",
    }
    assert laureates == {
        "Affilogic",
        "Biomunex Pharmaceuticals",
        "Cell-Easy",
        "Encefa",
        "Human Cell Design",
        "MaaT Pharma",
        "Université Jean Monnet (THERACO)",
    }
    assert all(label.evidence and label.issuer for label in catalogue.labels)


def test_every_modality_has_its_illustrative_figures() -> None:
    assert set(FIGURES) == MODALITY_CODES
