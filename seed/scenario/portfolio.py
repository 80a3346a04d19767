"""Products of the start-ups, where they are established, and which lines could make them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.matching.facts import RequestFacts
from app.matching.technical import technical_reasons
from app.requests.models import QualificationLevel
from seed.fleet import Place
from seed.identifiers import identifier
from seed.illustrative import FIGURES
from seed.rows import ProductRow, QualificationRow
from seed.scenario.chance import Chance
from seed.scenario.market import Need
from seed.scenario.profiles import PROFILES

_MOST_PRODUCTS = 3
"""Of one start-up and modality, unless their platforms differ."""


@dataclass(slots=True)
class Portfolio:
    """The products of all start-ups, and where they are established."""

    products: dict[UUID, ProductRow] = field(default_factory=dict)
    qualifications: dict[UUID, QualificationRow] = field(default_factory=dict)
    _of: defaultdict[tuple[UUID, str], list[ProductRow]] = field(default_factory=lambda: defaultdict(list))
    _at: defaultdict[UUID, list[QualificationRow]] = field(default_factory=lambda: defaultdict(list))

    def product(self, chance: Chance, need: Need, modality: str, platform: str | None) -> ProductRow:
        """A product of that modality and platform: one that is there already, or a new one."""
        own = self._of[need.organisation.id, modality]
        fitting = [product for product in own if product.platform == platform]
        if fitting and (len(own) >= _MOST_PRODUCTS or chance.happens(0.5)):
            return chance.pick(fitting)
        initials = "".join(part[0] for part in modality.split("_")).upper()
        product = ProductRow(
            id=identifier("product", need.organisation.id, modality, len(own)),
            organisation_id=need.organisation.id,
            code_name=f"{initials}-{101 + len(own)}",
            modality=modality,
            platform=platform,
            containment=list(FIGURES[modality].containment),
            theme=PROFILES[modality].theme,
        )
        own.append(product)
        self.products[product.id] = product
        return product

    def qualify(self, product: ProductRow, place: Place, level: QualificationLevel) -> None:
        """Establish a product at a site, at any scale; what is there already stays."""
        row = QualificationRow(
            id=identifier("qualification", product.id, place.site.id, level.value),
            product_id=product.id,
            site_id=place.site.id,
            level=level,
        )
        if row.id not in self.qualifications:
            self.qualifications[row.id] = row
            self._at[product.id].append(row)

    def qualifications_of(self, product: ProductRow) -> tuple[QualificationRow, ...]:
        """Where a product is established."""
        return tuple(self._at[product.id])


class Lines:
    """One unit of each bookable line, by modality."""

    def __init__(self, units: Sequence[Place]) -> None:
        self._by_modality: defaultdict[str, list[Place]] = defaultdict(list)
        seen: set[UUID] = set()
        for place in units:
            if place.is_bookable and place.line.id not in seen:
                seen.add(place.line.id)
                for modality in place.line.modalities:
                    self._by_modality[modality].append(place)

    def phases(self, modality: str) -> set[str]:
        """The phases for which any line makes a modality."""
        return {phase for place in self._by_modality[modality] for phase in place.line.gmp_phases}

    def able(self, request: RequestFacts) -> tuple[Place, ...]:
        """The lines against which no technical reason stands."""
        return tuple(
            place
            for place in self._by_modality[request.modality]
            if next(technical_reasons(request, place.facts), None) is None
        )
