"""What follows from a line: its terms for each modality, and its units."""

from __future__ import annotations

from seed import illustrative
from seed.identifiers import identifier
from seed.rows import LineModalityRow, LineRow, UnitRow


def line_modalities(line: LineRow) -> tuple[LineModalityRow, ...]:
    """The illustrative terms of a line for each of its modalities."""
    return tuple(
        LineModalityRow(
            id=identifier("line-modality", line.id, modality),
            line_id=line.id,
            modality=modality,
            release_days=illustrative.FIGURES[modality].release_days,
            price_cents=illustrative.price_cents(modality, line.working_volume_l),
            yield_per_batch=illustrative.yield_per_batch(modality, line.working_volume_l, line.gmp_phases),
            yield_unit=illustrative.FIGURES[modality].yield_unit,
        )
        for modality in line.modalities
    )


def units(line: LineRow, count: int) -> tuple[UnitRow, ...]:
    """The units of a line, numbered from 1."""
    return tuple(
        UnitRow(identifier("unit", line.id, number), line.id, f"Unit {number}") for number in range(1, count + 1)
    )
