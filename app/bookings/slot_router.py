"""What is done to a slot together with the bookings in it, over HTTP."""

from uuid import UUID

from app.bookings import splitting
from app.capacity.schemas import SlotParts, SlotSplit
from app.capacity.slot_views import slot_reads
from app.core.http import DbSession
from app.core.routing import ApiRouter, if_match
from app.identity.dependencies import ONCE, CurrentActor

router = ApiRouter(prefix="/v1/slots", tags=["capacity"])


@router.post("/{slot_id}/split", summary="Split a slot", dependencies=[ONCE, if_match("slot_id")])
async def split_slot(session: DbSession, actor: CurrentActor, slot_id: UUID, command: SlotSplit) -> SlotParts:
    """Its own people make several slots of one that touch at the days given; the first keeps the identifier.

    All keep its terms, and bookings go with their part; a cut through a live booking is refused with its period.
    """
    return SlotParts(parts=await slot_reads(session, await splitting.split_slot(session, actor, slot_id, command)))
