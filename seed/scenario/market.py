"""Who takes part in a scenario: the real organisations, made-up CDMOs and start-ups, and the public bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.catalogue.models import SiteKind
from app.core.vocabulary import Confidence, Origin
from app.identity.models import OrganisationKind, SizeClass
from seed import illustrative
from seed.catalogue import Catalogue
from seed.identifiers import identifier
from seed.lines import line_modalities, units
from seed.rows import LabelRow, LineModalityRow, LineRow, OrganisationRow, SiteRow, UnitRow
from seed.scenario.chance import Chance
from seed.scenario.sizes import Size

COORDINATOR = "National coordinator (demonstration)"
AUTHORITY = "Authority of the State (demonstration)"
OBSERVER = "Regional observer, Île-de-France (demonstration)"
STRATEGIC_LABEL = "Strategic project (scenario)"

_LINES_PER_CDMO = 5
_GROUPS_OF_ANY_LINE = 12
_PARTNERS = (
    ("DE", "Bavaria", "Munich"), ("BE", "Wallonia", "Gosselies"), ("IT", "Lazio", "Rome"),
    ("ES", "Catalonia", "Barcelona"), ("NL", "South Holland", "Leiden"), ("IE", "Munster", "Cork"),
    ("DK", "Capital Region", "Copenhagen"), ("AT", "Vienna", "Vienna"), ("PT", "Centro", "Cantanhede"),
)  # fmt: skip
_SIZE_CLASSES = (
    (SizeClass.MICRO, 4.0), (SizeClass.SMALL, 4.0), (SizeClass.MEDIUM, 1.0), (SizeClass.ACADEMIC, 1.0),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Need:
    """What a start-up makes, and the phases it needs lots for."""

    organisation: OrganisationRow
    modality: str
    phases: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Market:
    """What a scenario adds to the catalogue, and all needs, the real companies' first."""

    organisations: tuple[OrganisationRow, ...]
    labels: tuple[LabelRow, ...]
    sites: tuple[SiteRow, ...]
    lines: tuple[LineRow, ...]
    line_modalities: tuple[LineModalityRow, ...]
    units: tuple[UnitRow, ...]
    needs: tuple[Need, ...]


def build_market(catalogue: Catalogue, size: Size, seed: int) -> Market:
    """The market of a scenario."""
    chance = Chance(seed, size.name, "market")
    producers, sites, lines = _producers(chance, catalogue, size)
    startups, labels, invented = _startups(chance, catalogue, size)
    return Market(
        organisations=(*_public_bodies(), *producers, *startups),
        labels=tuple(labels),
        sites=tuple(sites),
        lines=tuple(lines),
        line_modalities=tuple(terms for line in lines for terms in line_modalities(line)),
        units=tuple(unit for line in lines for unit in units(line, 1)),
        needs=(*_real_needs(catalogue), *invented),
    )


def public_body(kind: OrganisationKind) -> UUID:
    """The identifier of the coordinator, the authority or the observer."""
    return identifier("organisation", "public", kind.value)


def _public_bodies() -> tuple[OrganisationRow, ...]:
    return tuple(
        OrganisationRow(
            id=public_body(kind),
            kind=kind,
            name=name,
            region=region,
            origin=Origin.SCENARIO,
        )
        for kind, name, region in (
            (OrganisationKind.COORDINATOR, COORDINATOR, None),
            (OrganisationKind.AUTHORITY, AUTHORITY, None),
            (OrganisationKind.OBSERVER, OBSERVER, "Île-de-France"),
        )
    )


def _producers(
    chance: Chance, catalogue: Catalogue, size: Size
) -> tuple[list[OrganisationRow], list[SiteRow], list[LineRow]]:
    """CDMOs of one site each, with lines modelled on the real ones."""
    models = _models(catalogue)
    organisations: list[OrganisationRow] = []
    sites: list[SiteRow] = []
    lines: list[LineRow] = []
    missing = size.lines - len(catalogue.lines)
    for number in range(1, -(-missing // _LINES_PER_CDMO) + 1):
        country, region, city = _place(chance, catalogue.sites, size)
        name = f"Scenario CDMO {number:03}"
        organisation = OrganisationRow(
            id=identifier("organisation", "scenario", name),
            kind=OrganisationKind.CDMO,
            name=name,
            city=city,
            region=region,
            country=country,
            origin=Origin.SCENARIO,
        )
        count = min(_LINES_PER_CDMO, missing - len(lines))
        chosen = [_model(chance, models, country, len(lines) + position) for position in range(count)]
        site = _site(organisation, chosen)
        organisations.append(organisation)
        sites.append(site)
        lines += [_line(model, site, position) for position, model in enumerate(chosen, start=1)]
    return organisations, sites, lines


def _models(catalogue: Catalogue) -> list[list[LineRow]]:
    """Real lines to copy, in groups that are equally likely: those that a start-up needs, and now and then any."""
    bookable = [line for line in catalogue.lines if line.not_bookable_reason is None]
    groups = [
        [line for line in bookable if need.modality in line.modalities and set(need.need_phase) & set(line.gmp_phases)]
        for need in catalogue.needs.values()
    ]
    return [*(group for group in groups if group), *[bookable] * _GROUPS_OF_ANY_LINE]


def _place(chance: Chance, sites: Sequence[SiteRow], size: Size) -> tuple[str, str, str]:
    if chance.happens(size.partner_share):
        return chance.pick(_PARTNERS)
    site = chance.pick(sites)
    return "FR", site.region, site.city


def _model(chance: Chance, models: Sequence[Sequence[LineRow]], country: str, position: int) -> LineRow:
    """A real line to copy; some partner lines make mRNA, which no French contract line does."""
    model = chance.pick(chance.pick(models))
    if country != "FR" and position % 12 == 0:
        return replace(
            model,
            name="mRNA and lipid nanoparticles",
            modalities=["mrna_lnp"],
            platforms=["none"],
            working_volume_l=10.0,
            first_batch_days=7,
            cadence_days=4,
            changeover_days=2,
        )
    return model


def _site(organisation: OrganisationRow, models: Sequence[LineRow]) -> SiteRow:
    def union(lists: list[list[str]]) -> list[str]:
        return sorted({item for items in lists for item in items} - {"unknown"})

    modalities = union([line.modalities for line in models])
    return SiteRow(
        id=identifier("site", organisation.name),
        organisation_id=organisation.id,
        name=f"{organisation.name}, {organisation.city}",
        kind=SiteKind.CDMO,
        city=organisation.city or "",
        region=organisation.region or "",
        country=organisation.country,
        clusters=[],
        modalities=modalities,
        platforms=union([line.platforms for line in models]),
        gmp_phases=union([line.gmp_phases for line in models]),
        containment=illustrative.containment(tuple(modalities)),
        note="Made up for a scenario.",
        confidence=Confidence.ILLUSTRATIVE,
        origin=Origin.SCENARIO,
    )


def _line(model: LineRow, site: SiteRow, position: int) -> LineRow:
    """A line like the model, with one unit and no source."""
    modalities = tuple(model.modalities)
    return replace(
        model,
        id=identifier("line", site.id, position),
        site_id=site.id,
        name=f"Line {position}: {model.name}",
        phases_basis=None,
        batches_in_parallel=1,
        transfer_days=illustrative.transfer_days(modalities),
        engineering_batch_required=illustrative.engineering_batch(modalities, tuple(model.gmp_phases)),
        containment=illustrative.containment(modalities),
        continuity_at_risk=False,
        capacity_note=None,
        sourced_fields=[],
        source=None,
        confidence=Confidence.ILLUSTRATIVE,
        origin=Origin.SCENARIO,
    )


def _real_needs(catalogue: Catalogue) -> list[Need]:
    by_id = {organisation.id: organisation for organisation in catalogue.organisations}
    labels: dict[UUID, tuple[str, ...]] = {}
    for label in catalogue.labels:
        labels[label.organisation_id] = (*labels.get(label.organisation_id, ()), label.name)
    return [
        Need(by_id[organisation_id], row.modality, row.need_phase, labels.get(organisation_id, ()))
        for organisation_id, row in catalogue.needs.items()
    ]


def _startups(
    chance: Chance, catalogue: Catalogue, size: Size
) -> tuple[list[OrganisationRow], list[LabelRow], list[Need]]:
    """Start-ups with needs like the real companies'; one in six has a labelled project."""
    models = [*catalogue.needs.values()]
    organisations, labels, needs = [], [], []
    for number in range(1, size.startups + 1):
        country, region, city = _place(chance, catalogue.sites, size)
        name = f"Scenario start-up {number:03}"
        model = chance.pick(models)
        organisation = OrganisationRow(
            id=identifier("organisation", "scenario", name),
            kind=OrganisationKind.STARTUP,
            name=name,
            city=city,
            region=region,
            country=country,
            size_class=chance.weighted(_SIZE_CLASSES),
            origin=Origin.SCENARIO,
        )
        organisations.append(organisation)
        labelled = chance.happens(1 / 6)
        if labelled:
            labels.append(
                LabelRow(
                    id=identifier("label", STRATEGIC_LABEL, name),
                    organisation_id=organisation.id,
                    name=STRATEGIC_LABEL,
                    issuer=COORDINATOR,
                    evidence="Made up for a scenario.",
                )
            )
        needs.append(Need(organisation, model.modality, model.need_phase, (STRATEGIC_LABEL,) if labelled else ()))
    return organisations, labels, needs
