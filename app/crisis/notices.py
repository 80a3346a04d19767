"""Telling organisations what a crisis asks of them or does to them: in the transaction that does it, or not at all.

In a drill a notice is kept among its own records, and goes to nobody outside: see `reading` and row-level security. No
letter is written of it either, and `creneau_drill` has no right to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record_created
from app.core.bulk import insert_all
from app.core.plain import new_row
from app.crisis import notice_repository
from app.crisis.declaration import CrisisRules
from app.crisis.models import Crisis, CrisisMode
from app.crisis.notice_facts import contest_facts
from app.crisis.notice_models import Notice, NoticeKind
from app.crisis.order_schemas import NoticeFilter
from app.crisis.paging import page_for
from app.crisis.service import SEES_ALL
from app.identity.actor import Actor
from app.letters.models import LetterKind
from app.letters.service import Told, unreached, write_letters

CONTESTABLE = frozenset(
    {NoticeKind.WILL_GIVE_WAY, NoticeKind.GAVE_WAY, NoticeKind.ANSWER_REMINDER, NoticeKind.REPLACEMENT_LAPSED}
)
"""Kinds that tell of a decision against their reader, and so of how it can be contested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDraft:
    """What is to be told to one organisation, about an order or a displacement."""

    organisation_id: UUID
    kind: NoticeKind
    order_id: UUID | None = None
    displacement_id: UUID | None = None
    reason_code: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    respond_by_at: datetime | None = None


async def notify(
    session: AsyncSession,
    author: Author,
    crisis: Crisis,
    organisation_id: UUID,
    kind: NoticeKind,
    *,
    order_id: UUID | None = None,
    displacement_id: UUID | None = None,
    reason_code: str | None = None,
    facts: Mapping[str, Any] | None = None,
    respond_by_at: datetime | None = None,
) -> Notice:
    """Tell one organisation: see `notify_all`."""
    draft = NoticeDraft(
        organisation_id=organisation_id,
        kind=kind,
        order_id=order_id,
        displacement_id=displacement_id,
        reason_code=reason_code,
        facts=facts or {},
        respond_by_at=respond_by_at,
    )
    return (await notify_all(session, author, crisis, [draft]))[0]


async def notify_all(
    session: AsyncSession, author: Author, crisis: Crisis, drafts: Iterable[NoticeDraft]
) -> list[Notice]:
    """Write notices, however many, with their records and letters; each names the crisis, and how to contest it.

    The caller has gone across organisations: nobody writes a notice to another by themself.
    """
    named = {"title": crisis.title, "countermeasure": crisis.countermeasure.get("name")}
    contest = contest_facts(CrisisRules.model_validate(crisis.rules))
    rows = [
        new_row(
            Notice,
            crisis_id=crisis.id,
            organisation_id=draft.organisation_id,
            kind=draft.kind,
            order_id=draft.order_id,
            displacement_id=draft.displacement_id,
            reason_code=draft.reason_code,
            facts={"crisis": named, **({"contest": contest} if draft.kind in CONTESTABLE else {}), **draft.facts},
            respond_by_at=draft.respond_by_at,
        )
        for draft in drafts
    ]
    await session.flush()  # what they are about
    await insert_all(session, Notice, rows)
    await record_created(session, author, [("crisis_notice.sent", row) for row in rows])
    if crisis.mode is CrisisMode.REAL:
        await write_letters(session, LetterKind.NOTICE, [Told(row.id, row.organisation_id) for row in rows])
    return rows


async def list_notices(
    session: AsyncSession, actor: Actor, crisis_id: UUID, query: NoticeFilter
) -> tuple[list[Notice], str | None]:
    """Return one page of a crisis's notices, to an organisation those sent to it, of no drill; as `page_for` has it.

    Raises
    ------
    NotAllowed
        If somebody who does not lead it asks which have reached nobody.
    """
    among = None
    if query.unreached:
        actor.require(*sorted(SEES_ALL))
        among = await unreached(session, LetterKind.NOTICE, await notice_repository.real_notices(session, crisis_id))
    page = partial(notice_repository.page_notices, session, crisis_id, query, among=among)
    return await page_for(session, actor, crisis_id, query, page)
