"""Refusals about rounds, runs and offers."""

from app.core.errors import Busy, Conflict, StateConflict


class CalendarChanged(Conflict):
    """The calendars, or what the plan rests on, have changed since the run read them."""

    type, title = "calendar-changed", "The calendar has changed since the plan was made"


class AlreadyPublished(StateConflict):
    """A round is published once."""

    type, title = "already-published", "The round is published already"


class RunUnderWay(StateConflict):
    """The round is being solved."""

    type, title = "run-under-way", "A run of this round is under way"


class NothingToPublish(StateConflict):
    """No run of the round has a plan."""

    type, title = "no-plan", "There is no plan to publish"


class NothingInScope(Conflict):
    """No slot that can be booked lies in the scope of the round."""

    type, title = "nothing-in-scope", "No slot lies in the scope of the round"


class AdjustmentRefused(Conflict):
    """The changed plan would break a rule of the problem."""

    type, title = "adjustment-refused", "The changed plan does not pass the checker"


class OfferExpired(StateConflict):
    """The offer was not answered in time."""

    type, title = "offer-expired", "The offer has expired"


class NotReplayable(StateConflict):
    """The run cannot be solved again to be compared."""

    type, title = "not-replayable", "The run cannot be replayed"


class WithoutPlan(StateConflict):
    """The run has no plan to explain or to certify."""

    type, title = "without-plan", "The run has no plan"


class StatementFailed(Busy):
    """The engine did not come to say what it was asked about a plan."""

    type, title = "statement-failed", "The engine could not say that in time"
