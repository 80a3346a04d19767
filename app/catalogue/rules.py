"""Whose word a figure is, and who may see a price."""

from collections.abc import Collection, Iterable, Mapping

from app.core.vocabulary import Basis
from app.identity.models import OrganisationKind, Role

FIGURES = (
    "gmp_phases",
    "working_volume_l",
    "batches_in_parallel",
    "technology",
    "culture_mode",
    "first_batch_days",
    "cadence_days",
    "changeover_days",
    "transfer_days",
    "engineering_batch_required",
    "commissioned_on",
)
"""What a line is measured by: each has a basis of its own."""

MAKERS = frozenset({OrganisationKind.CDMO, OrganisationKind.INTEGRATOR})
"""Organisations that run sites."""

PRICE_READERS = frozenset({Role.STARTUP_MEMBER, Role.COORDINATOR, Role.AUTHORITY, Role.ADMIN})
"""Those who buy or allocate. Makers are competitors, and must not coordinate prices through this service.

Source: Guidelines on horizontal co-operation agreements (2023/C 259/01), chapter 6, information exchange.
"""


def basis_of_figures(sourced: Collection[str], declared: Collection[str]) -> Mapping[str, Basis]:
    """Return the basis of each figure of a line: the maker's own word stands before a public source.

    What is neither is illustrative: a plausible value that nobody vouches for.
    """
    bases = dict.fromkeys(FIGURES, Basis.ILLUSTRATIVE)
    bases |= dict.fromkeys(sourced, Basis.SOURCED)
    return bases | dict.fromkeys(declared, Basis.DECLARED)


def basis_of_change(*, by_owner: bool, source_given: bool) -> Basis:
    """Return the basis of a figure just written: by its maker, or by the coordinator with or without a source."""
    if by_owner:
        return Basis.DECLARED
    return Basis.SOURCED if source_given else Basis.ILLUSTRATIVE


def rebased(
    sourced: Iterable[str], declared: Iterable[str], changed: Collection[str], basis: Basis
) -> tuple[list[str], list[str]]:
    """Return the sourced and the declared fields after some figures were written on a new basis."""
    figures = {name for name in changed if name in FIGURES}
    still_sourced = set(sourced) - figures
    still_declared = set(declared) - figures
    if basis is Basis.SOURCED:
        still_sourced |= figures
    elif basis is Basis.DECLARED:
        still_declared |= figures
    return sorted(still_sourced), sorted(still_declared)


def sees_prices(role: Role | None, *, is_owner: bool) -> bool:
    """Tell whether the reader, None for the public, may see the prices of a line."""
    return is_owner or role in PRICE_READERS


def batches_in_parallel_of_a_unit(batches_of_line: int, units: int) -> int:
    """Return how many batches one unit runs at once: the line's vessels are shared out among its units."""
    return max(1, batches_of_line // units)
