"""From the seed's rows to what matching reasons about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from app.capacity.models import Approval
from app.capacity.occupancy import span_of
from app.capacity.supply import SlotFacts, Span
from app.identity.models import OrganisationKind
from app.matching.facts import FeasibilityFacts, QualificationFacts, RequestFacts
from app.requests.facts import FEASIBLE
from app.requests.models import QualificationLevel
from seed.rows import (
    AgreementRow,
    FeasibilityRow,
    OrganisationRow,
    ProductRow,
    QualificationRow,
    RequestRow,
    SlotRow,
)


def request_facts(
    request: RequestRow,
    product: ProductRow,
    organisation: OrganisationRow,
    *,
    qualifications: Iterable[QualificationRow] = (),
    feasibilities: Iterable[FeasibilityRow] = (),
) -> RequestFacts:
    """What matching knows of a request."""
    return RequestFacts(
        request_id=request.id,
        organisation_id=organisation.id,
        modality=product.modality,
        gmp_phase=request.gmp_phase,
        earliest_on=request.earliest_on,
        latest_delivery_on=request.latest_delivery_on,
        product_id=product.id,
        country=organisation.country,
        region=organisation.region,
        french_startup=organisation.kind is OrganisationKind.STARTUP and organisation.country == "FR",
        platform=product.platform,
        containment=tuple(product.containment),
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
        qualifications=tuple(
            QualificationFacts(row.site_id, row.volume_l, row.level is not QualificationLevel.TRANSFERRED)
            for row in qualifications
        ),
        feasibilities={row.line_id: _answer(row) for row in feasibilities},
    )


def _answer(row: FeasibilityRow) -> FeasibilityFacts:
    return FeasibilityFacts(
        row.line_id,
        FEASIBLE[row.status],
        row.condition,
        row.reason_code.value if row.reason_code else None,
        row.valid_until_on,
    )


def slot_facts(slot: SlotRow, agreements: Mapping[UUID, AgreementRow], busy: Iterable[Span] = ()) -> SlotFacts:
    """What matching knows of a published slot."""
    agreement = agreements[slot.agreement_id] if slot.agreement_id else None
    return SlotFacts(
        slot_id=slot.id,
        unit_id=slot.unit_id,
        period=span_of(slot.period),
        reserve=slot.reserve,
        releases_on=slot.releases_on,
        lendable=slot.lendable,
        recall_notice_days=slot.recall_notice_days,
        max_lent_days=slot.max_lent_days,
        divisible=slot.divisible,
        instant=slot.approval is Approval.INSTANT,
        price_cents=slot.price_cents,
        capped_price_cents=agreement.capped_price_cents if agreement else None,
        origin=slot.origin,
        busy=tuple(busy),
    )
