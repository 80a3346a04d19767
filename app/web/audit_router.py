"""The audit trail over HTTP; it stands above `identity`, which the trail itself lies below."""

from typing import Annotated

from fastapi import Query, Request

from app.audit.reading import list_records
from app.audit.schemas import AuditFilter, AuditRecordRead
from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter
from app.identity.dependencies import CurrentActor
from app.identity.models import Role

router = ApiRouter(prefix="/v1/audit", tags=["audit"])


@router.get("", summary="Read the audit trail")
async def list_audit_records(
    request: Request, session: DbSession, actor: CurrentActor, wanted: Annotated[AuditFilter, Query()]
) -> Page[AuditRecordRead]:
    """What was written for one's own organisation, oldest first; the coordinator reads all.

    Of a write to another organisation's object it is told that it was done, and not what the object holds.
    """
    reads_all = actor.role in {Role.COORDINATOR, Role.ADMIN}
    items, cursor = await list_records(
        session, wanted, None if reads_all else actor.organisation_id, is_cdmo=actor.role is Role.CDMO_PLANNER
    )
    return Page(items=items, next=next_url(request, cursor))
