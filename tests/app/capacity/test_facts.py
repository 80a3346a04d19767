"""Facts of units, as matching reads them."""

from app.capacity.facts import unit_facts
from app.catalogue.models import Unit
from app.core.database import transaction
from tests.support.world import World


async def test_a_lines_vessels_are_shared_out_among_its_units(world: World) -> None:
    cdmo, _ = await world.cdmo()
    first = await world.unit(cdmo, batches_in_parallel=4)
    second = await world.add(Unit(line_id=first.line_id, name="Unit 2"))
    alone = await world.unit(cdmo, batches_in_parallel=4)
    async with transaction(world.sessions) as session:
        facts = await unit_facts(session)
    assert {unit: facts[unit].batches_in_parallel for unit in facts} == {first.id: 2, second.id: 2, alone.id: 4}
