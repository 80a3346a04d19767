"""What is held of a person over HTTP; they are erased from the command line, by whom the service is run."""

from uuid import UUID

from app.core.http import DbSession
from app.core.routing import ApiRouter
from app.identity.dependencies import CurrentActor
from app.privacy.schemas import Export
from app.privacy.service import export_for

router = ApiRouter(prefix="/v1/people", tags=["people"])


@router.get("/{person_id}/export", summary="Read all that is held of a person")
async def export_person(session: DbSession, actor: CurrentActor, person_id: UUID) -> Export:
    """To that person, by a key or session of their own, and to the coordinator.

    Table by table, with purpose, legal basis and how long it is kept. Source: Regulation (EU) 2016/679, articles 15
    and 20.
    """
    return await export_for(session, actor, person_id)
