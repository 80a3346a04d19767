"""What is kept of an error for people to see: where and what, and nothing of the data that it was about."""

import re
import traceback
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from app.core.constraints import constraint_of, sqlstate_of
from app.core.errors import DomainError

MOST_MESSAGE = 500
LAST_FRAMES = 8

_HIDDEN = "[hidden]"
_CONFIDENTIAL = re.compile(
    r"""
    (?<=://)[^/\s@]+(?=@)                      # user and password of an address
    | (?<=\?)[^\s'"]+                          # the query of an address
    | [\w.+-]+@[\w-]+\.[\w.-]+                 # a mail address
    | (?:Bearer|Basic)\s+\S+                   # the credentials of a request
    | \b(?:crn_|eyJ)[\w.-]+                    # a key of ours, a signed token
    | \b(?=\w*\d)(?=\w*[A-Za-z])\w{32,}\b      # a digest or a secret
    """,
    re.VERBOSE,
)

Fault = dict[str, Any]


def fault_of(error: BaseException) -> Fault:
    """Return the class of an error, its message and the places it came through, last ones last.

    The message of the database and of a validation holds the values at fault, and is left out; what looks like an
    address, a person or a secret is hidden in any other. Of the places, line and function are kept, never a value.
    """
    return {
        "class": type(error).__name__,
        "message": _message(error)[:MOST_MESSAGE],
        "trace": [
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-LAST_FRAMES:]
        ],
    }


def _message(error: BaseException) -> str:
    if isinstance(error, DBAPIError):
        what = constraint_of(error) or type(error.orig).__name__
        return f"{what} ({sqlstate_of(error) or 'no answer'})"
    if isinstance(error, ValidationError):
        faults = error.errors(include_input=False, include_context=False, include_url=False)
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in faults)
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(f"{type(one).__name__}: {_message(one)}" for one in error.exceptions)
    said = error.detail if isinstance(error, DomainError) else str(error)
    return _CONFIDENTIAL.sub(_HIDDEN, " ".join(said.split()))


def headline(fault: Fault | None) -> str | None:
    """Return an error in one line, or None if there is none."""
    return f"{fault['class']}: {fault['message']}".rstrip(": ") if fault else None
