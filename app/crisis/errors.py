"""Refusals about crises."""

from app.core.errors import Conflict, NotAllowed


class PlanChanged(Conflict):
    """The hash sent is not that of the plan: the signer has read something else."""

    type, title = "plan-hash-mismatch", "The hash is not that of this plan"


class AlreadySigned(Conflict):
    """The person, or the role, has signed this plan: two different people sign."""

    type, title = "already-signed", "This plan already carries that signature"


class StillCompared(Conflict):
    """Plans to choose from are still being made beside it: what is signed is chosen, and its grounds are known."""

    type, title = "still-being-compared", "The plan is still being compared with others"


class NotAPerson(NotAllowed):
    """A key in nobody's hands cannot sign: a signature is a person's."""

    type, title = "signature-takes-a-person", "Only a person can sign"


class PlanOutdated(Conflict):
    """A calendar in the plan's scope has changed since it was made: the crisis is back in planning."""

    type, title = "plan-outdated", "A calendar has changed since the plan was made"


class TooLate(Conflict):
    """An order should have started before today, or would displace within the frozen days or without its notice."""

    type, title = "too-late", "It is too late for this"


class NothingToPlan(Conflict):
    """There is no published slot in the scope of the crisis at all."""

    type, title = "nothing-to-plan", "There is no published slot in the scope of the crisis"


class NothingToReplan(Conflict):
    """What is ordered meets every target, and nothing of it has to go."""

    type, title = "nothing-to-replan", "What is ordered meets every target"


class CrisisExpired(Conflict):
    """The declaration's validity has ended."""

    type, title = "crisis-expired", "The declaration has expired"


class PowerLacking(Conflict):
    """A place is called upon that no power in force opens: outside its scope, or after its end."""

    type, title = "no-power-in-force", "No power in force bears this"


class OfferOver(Conflict):
    """The time to take a place back is over: it has been passed on, or is about to be."""

    type, title = "offer-over", "The offer is over"
