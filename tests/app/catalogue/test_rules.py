"""The basis of figures: pure rules."""

from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.rules import FIGURES, basis_of_figures, rebased, sees_prices
from app.core.vocabulary import Basis
from app.identity.models import Role

fields = st.sets(st.sampled_from([*FIGURES, "existence"]))


@given(fields, fields)
def test_a_declared_figure_is_never_called_anything_else(sourced: set[str], declared: set[str]) -> None:
    bases = basis_of_figures(sourced, declared)
    assert {name for name, basis in bases.items() if basis is Basis.DECLARED} == declared
    assert {name for name, basis in bases.items() if basis is Basis.SOURCED} == sourced - declared
    assert set(FIGURES) <= bases.keys()


@given(fields, fields, st.sets(st.sampled_from([*FIGURES, "source", "capacity_note"])), st.sampled_from(Basis))
def test_only_what_is_written_changes_its_basis(
    sourced: set[str], declared: set[str], changed: set[str], basis: Basis
) -> None:
    before = basis_of_figures(sourced, declared)
    after = basis_of_figures(*rebased(sourced, declared, changed, basis))
    for name in FIGURES:
        assert after[name] is (basis if name in changed else before[name])


def test_competitors_observers_and_the_public_see_no_price() -> None:
    blind = {role for role in (None, *Role) if not sees_prices(role, is_owner=False)}
    assert blind == {None, Role.CDMO_PLANNER, Role.OBSERVER}
    assert sees_prices(Role.CDMO_PLANNER, is_owner=True)
