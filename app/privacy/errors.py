"""Refusals of an erasure."""

from app.core.errors import Conflict


class ErasureRefused(Conflict):
    """A legal duty needs to know who it was."""

    type, title = "erasure-refused", "A legal duty stands against the erasure"


class AlreadyErased(Conflict):
    """There is nothing left to erase."""

    type, title = "already-erased", "This person has been erased"
