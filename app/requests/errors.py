"""Refusals about products, requests and feasibilities."""

from app.core.errors import Conflict, StateConflict


class RequestSettled(StateConflict):
    """What a CDMO or a round has already relied on does not change any more."""

    type, title = "request-settled", "This can no longer be changed"


class AlreadyAsked(Conflict):
    """The CDMO has this question already, or has given an answer that still holds."""

    type, title = "feasibility-already-asked", "This line has already been asked about this request"


class ReviewNotNeeded(Conflict):
    """The line takes the product's modality without looking at the product first."""

    type, title = "review-not-needed", "This line needs no review of this modality"


class AlertExists(Conflict):
    """The request has an alert already."""

    type, title = "alert-exists", "There is an alert for this request already"


class TooManyAlerts(Conflict):
    """The organisation has as many alerts as it may have."""

    type, title = "too-many-alerts", "No further alert may be added"
