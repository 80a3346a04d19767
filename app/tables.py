"""Every table, imported once, so that Alembic sees the whole schema."""

from app.allocation import models as allocation
from app.audit import models as audit
from app.audit import personal_models as personal
from app.audit import seal_models as seals
from app.bookings import models as bookings
from app.bookings import slip_models as slips
from app.capacity import models as capacity
from app.catalogue import models as catalogue
from app.core import heartbeats, idempotency
from app.core.model import metadata
from app.crisis import closing_models as crisis_closings
from app.crisis import models as crisis
from app.crisis import notice_models as notices
from app.crisis import restoring_models as restorations
from app.crisis import score_models as drill_scores
from app.identity import models as identity
from app.identity import sign_in_models as sign_in
from app.identity import token_client_models as token_clients
from app.indicators import models as indicators
from app.jobs import models as jobs
from app.letters import models as letters
from app.privacy import models as privacy
from app.requests import models as requests

__all__ = [
    "allocation",
    "audit",
    "bookings",
    "capacity",
    "catalogue",
    "crisis",
    "crisis_closings",
    "drill_scores",
    "heartbeats",
    "idempotency",
    "identity",
    "indicators",
    "jobs",
    "letters",
    "metadata",
    "notices",
    "personal",
    "privacy",
    "requests",
    "restorations",
    "seals",
    "sign_in",
    "slips",
    "token_clients",
]
