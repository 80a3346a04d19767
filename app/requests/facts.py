"""Facts of requests from their rows, for matching and for priority, in a handful of queries whatever their number."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import SITE_ZONE
from app.identity.models import Organisation, OrganisationKind
from app.matching.facts import FeasibilityFacts, QualificationFacts, RequestFacts
from app.requests import feasibility_repository, repository
from app.requests.models import (
    Feasibility,
    FeasibilityStatus,
    Product,
    QualificationLevel,
    Request,
)
from app.requests.priority import DEFAULT_POLICY, Priority, PriorityFacts, PriorityPolicy, derive_priority

FEASIBLE = {
    FeasibilityStatus.ASKED: None,
    FeasibilityStatus.FEASIBLE: True,
    FeasibilityStatus.FEASIBLE_IF: True,
    FeasibilityStatus.NOT_FEASIBLE: False,
}


def is_french_startup(organisation: Organisation) -> bool:
    """Tell whether the start-up reserve is open to an organisation."""
    return organisation.kind is OrganisationKind.STARTUP and organisation.country == "FR"


async def request_facts(session: AsyncSession, request_ids: Collection[UUID]) -> dict[UUID, RequestFacts]:
    """Return what matching needs to know of requests, by identifier; one that does not exist is left out."""
    rows = await repository.request_rows(session, request_ids)
    qualifications = await repository.qualifications_of(session, {product.id for _, product, _ in rows})
    feasibilities = await feasibility_repository.feasibilities_of(session, request_ids)
    return {
        request.id: _facts(
            request,
            product,
            organisation,
            tuple(
                QualificationFacts(one.site_id, one.volume_l, one.level is not QualificationLevel.TRANSFERRED)
                for one in qualifications.get(product.id, ())
            ),
            feasibilities.get(request.id, ()),
        )
        for request, product, organisation in rows
    }


def _facts(
    request: Request,
    product: Product,
    organisation: Organisation,
    qualifications: tuple[QualificationFacts, ...],
    feasibilities: Iterable[Feasibility],
) -> RequestFacts:
    return RequestFacts(
        request_id=request.id,
        organisation_id=request.organisation_id,
        product_id=product.id,
        modality=product.modality,
        platform=product.platform,
        containment=tuple(product.containment),
        gmp_phase=request.gmp_phase,
        earliest_on=request.earliest_on,
        latest_delivery_on=request.latest_delivery_on,
        country=organisation.country,
        region=organisation.region,
        french_startup=is_french_startup(organisation),
        batches=request.batches,
        quantity=request.quantity,
        quantity_unit=request.quantity_unit,
        volume_min_l=request.volume_min_l,
        volume_max_l=request.volume_max_l,
        budget_cents=request.budget_cents,
        sites_preferred=tuple(request.sites_preferred),
        sites_excluded=frozenset(request.sites_excluded),
        accepts_europe=request.accepts_europe,
        accepts_recallable=request.accepts_recallable,
        qualifications=qualifications,
        feasibilities={
            one.line_id: FeasibilityFacts(
                line_id=one.line_id,
                feasible=FEASIBLE[one.status],
                condition=one.condition,
                refusal_code=one.reason_code.value if one.reason_code else None,
                valid_until_on=one.valid_until_on,
            )
            for one in feasibilities
        },
    )


NEED = repository.NEED
"""The statement of what a need is made of: to be run `Together` with another, by whoever needs both."""


class Need(NamedTuple):
    """A product with what judging a new request for it takes: its owner, their labels, where it is established."""

    product: Product
    organisation: Organisation
    labels: tuple[str, ...]
    qualifications: tuple[QualificationFacts, ...]

    def facts_of(self, request: Request) -> RequestFacts:
        """Return what matching needs to know of a request for the product that no CDMO has been asked about."""
        return _facts(request, self.product, self.organisation, self.qualifications, ())

    def priority_of(self, request: Request, as_of_on: date, policy: PriorityPolicy = DEFAULT_POLICY) -> Priority:
        """Return tier and points of a request for the product as of a day."""
        return derive_priority(priority_facts(request, self.organisation, self.labels), as_of_on, policy)


def need_of(found: list[Any] | None, as_of_on: date) -> Need | None:
    """Return what judging a new request for a product takes, out of a row of `NEED`; None without one."""
    if found is None:
        return None
    product, organisation, labels, qualifications = found
    return Need(
        product,
        organisation,
        tuple(label["name"] for label in labels or () if _holds(label, as_of_on)),
        tuple(
            QualificationFacts(
                UUID(one["site_id"]), one["volume_l"], one["level"] != QualificationLevel.TRANSFERRED.value
            )
            for one in qualifications or ()
        ),
    )


def _holds(label: Mapping[str, Any], on: date) -> bool:
    """Tell whether a label, as a row, holds on a day; days as ISO texts compare like days."""
    day = on.isoformat()
    return (label["valid_from_on"] or day) <= day <= (label["valid_to_on"] or day)


async def priorities(
    session: AsyncSession,
    request_ids: Collection[UUID],
    as_of_on: date,
    policy: PriorityPolicy = DEFAULT_POLICY,
) -> dict[UUID, Priority]:
    """Return tier and points of requests as of a day, with their derivation, by identifier."""
    rows = await repository.request_rows(session, request_ids)
    labels = await repository.labels_on(session, {organisation.id for _, _, organisation in rows}, as_of_on)
    return {
        request.id: derive_priority(
            priority_facts(request, organisation, labels.get(organisation.id, ())), as_of_on, policy
        )
        for request, _, organisation in rows
    }


def priority_facts(request: Request, organisation: Organisation, labels: tuple[str, ...]) -> PriorityFacts:
    """Return what priority is derived from; a ground that is still to be confirmed counts for nothing."""
    grounds = request.priority_grounds
    confirmed = not grounds.get("to_confirm", False)
    submitted = request.submitted_at
    return PriorityFacts(
        gmp_phase=request.gmp_phase,
        continuity=confirmed and bool(grounds.get("continuity")),
        orphan=confirmed and bool(grounds.get("orphan")),
        unmet_need=confirmed and bool(grounds.get("unmet_need")),
        labels=labels,
        french_startup=is_french_startup(organisation),
        waiting_since_on=submitted.astimezone(SITE_ZONE).date() if submitted else None,
    )
