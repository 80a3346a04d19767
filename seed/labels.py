"""Labels that the notes of the reference tables give evidence of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from uuid import UUID

from app.catalogue.models import SiteKind
from seed import reference
from seed.identifiers import identifier
from seed.rows import LabelRow

LAUREATE = "AMI laureate 2021"
INTEGRATOR = "Industrial integrator 2020"
_STATE = "French Government, acceleration strategy for biotherapies and bioproduction"
_LABELLED_ON = date(2020, 8, 1)
_LAUREATE_NOTE = re.compile(r"^AMI laureate\b")


def company_label(company: reference.CompanyRow, organisation_id: UUID) -> LabelRow | None:
    """The label of a laureate of the 2021 call for expressions of interest, where the note says that it is one.

    Source: French Government press kit of 7 January 2022, which names the laureates.
    """
    if not _LAUREATE_NOTE.match(company.note):
        return None
    return LabelRow(
        id=identifier("label", LAUREATE, company.organisation),
        organisation_id=organisation_id,
        name=LAUREATE,
        issuer=_STATE,
        evidence=f"{company.note} ({company.source})",
    )


def integrator_labels(sites: Iterable[reference.SiteRow], organisation_ids: Mapping[str, UUID]) -> Iterator[LabelRow]:
    """The labels of the industrial integrators confirmed by name.

    Six were labelled in August 2020; the attribution of the sixth is a hypothesis (low confidence), and no ground
    for a label. The same body may not hold the label twice.

    Source: `seed/data/README.md`, section 1, gaps found.
    """
    seen: set[str] = set()
    for site in sites:
        if site.kind is not SiteKind.INTEGRATOR or site.confidence == "low" or site.organisation in seen:
            continue
        seen.add(site.organisation)
        yield LabelRow(
            id=identifier("label", INTEGRATOR, site.organisation),
            organisation_id=organisation_ids[site.organisation],
            name=INTEGRATOR,
            issuer=_STATE,
            evidence=f"{site.site_name}: {site.note} ({site.source})"[:2000],
            valid_from_on=_LABELLED_ON,
        )
