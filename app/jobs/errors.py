"""What stops an attempt at a job, and what is refused to people who look after jobs."""

from app.core.errors import Conflict, StateConflict


class AttemptOvertaken(Conflict):
    """Another worker has the job by now, or it is over: what this attempt would write counts no more."""

    type, title = "attempt-overtaken", "The job is another attempt's by now"


class JobNotParked(StateConflict):
    """Only a job that waits for people can be tried again or dropped by them."""

    type, title = "job-not-parked", "The job is not parked"


class JobWaitsAlready(Conflict):
    """Another job of this kind for the same subject waits or runs."""

    type, title = "job-waits-already", "The same job waits already"


class JobInterrupted(Exception):
    """The worker is stopping: the job goes back as it was, and counts as not tried."""


class JobTimedOut(Exception):
    """The handler did not end in the time that its kind of job has."""


class WorkerDied(Exception):
    """The worker of an attempt ended without a word: killed, out of memory, or cut off."""
