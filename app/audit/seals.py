"""Records, seals and checkpoints as they stand in the trail, and how a seal follows from what it seals. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.audit.canonical import Number, digest_of, line_of, read

DIGEST_BYTES = 32
SEALS_A_CHECKPOINT = 100
EARLIEST, LATEST = "2000-01-01T00:00:00.000000Z", "3000-01-01T00:00:00.000000Z"
"""Between these lie the instants that a seal may have, as texts too if they are of this length."""

_WHOLE = re.compile(r"-?[0-9]{1,19}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """A record's identifier and its line."""

    id: int
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What one seal states; `canonical` says what its members mean."""

    sequence: int
    previous_digest: bytes | None
    record_ids: Sequence[int]
    record_digests: Sequence[bytes]
    total_records: int
    first_at: str
    last_at: str
    sealed_at: str
    digest: bytes

    @property
    def line(self) -> str:
        """Its line in an export."""
        return line_of("seal", _members(self) | {"digest": self.digest.hex()})

    @property
    def is_intact(self) -> bool:
        """Whether its digest follows from the rest of it."""
        return digest_of(line_of("seal", _members(self))) == self.digest


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of the trail at one seal; `is_head` at the end of an export."""

    sequence: int
    digest: bytes
    total_records: int
    is_head: bool = False

    @property
    def line(self) -> str:
        """Its line in an export."""
        members = {"sequence": self.sequence, "digest": self.digest.hex(), "total_records": self.total_records}
        return line_of("head" if self.is_head else "checkpoint", members)


Item = SealedRecord | Seal | Checkpoint


def make_seal(
    previous: Checkpoint | None, records: Sequence[SealedRecord], instants: Sequence[str], sealed_at: str
) -> Seal:
    """Return the seal of records, in their order, after the previous seal.

    Parameters
    ----------
    instants
        When the records were written. One that no seal may have is passed over: it must not keep all from being sealed.
    """
    plausible = [one for one in instants if _is_plausible(one)] or [sealed_at]
    stated: dict[str, Any] = {
        "sequence": previous.sequence + 1 if previous else 1,
        "previous_digest": previous.digest if previous else None,
        "record_ids": [one.id for one in records],
        "record_digests": [digest_of(one.line) for one in records],
        "total_records": (previous.total_records if previous else 0) + len(records),
        "first_at": min(plausible),
        "last_at": max(plausible),
        "sealed_at": sealed_at,
    }
    unsigned = Seal(**stated, digest=b"")
    return Seal(**stated, digest=digest_of(line_of("seal", _members(unsigned))))


def _is_plausible(instant: str) -> bool:
    return len(instant) == len(EARLIEST) and EARLIEST <= instant < LATEST


def _members(seal: Seal) -> dict[str, object]:
    return {
        "sequence": seal.sequence,
        "previous_digest": None if seal.previous_digest is None else seal.previous_digest.hex(),
        "record_ids": seal.record_ids,
        "record_digests": [digest.hex() for digest in seal.record_digests],
        "total_records": seal.total_records,
        "first_at": seal.first_at,
        "last_at": seal.last_at,
        "sealed_at": seal.sealed_at,
    }


def item_of(line: str) -> Item:
    """Return what a line of an export is.

    Raises
    ------
    ValueError
        If it is nothing that an export has.
    """
    told = read(line)
    kind = told.get("kind") if isinstance(told, Mapping) else None
    try:
        if kind == "record":
            return SealedRecord(_whole(told["id"]), line)
        if kind == "seal":
            return _in_form(_seal(told), line)
        if kind in {"checkpoint", "head"}:
            return _in_form(_checkpoint(told, is_head=kind == "head"), line)
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is not a whole {kind}: {error}") from None
    raise ValueError("it is neither a record, a seal, nor a checkpoint")


def logged(line: str) -> Checkpoint | None:
    """Return the state of the trail that a line of the worker's log tells, or None if it tells of none."""
    if '"trail_digest"' not in line:
        return None
    told = read(line)
    if not isinstance(told, Mapping) or "kind" in told:
        return None
    try:
        return Checkpoint(_whole(told["sequence"]), _digest(told["trail_digest"]), _whole(told["total_records"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"it tells of no seal: {error}") from None


Stated = TypeVar("Stated", Seal, Checkpoint)


def _in_form(stated: Stated, line: str) -> Stated:
    if stated.line != line:
        raise ValueError("it is not in canonical form")
    return stated


def _checkpoint(told: Mapping[str, Any], *, is_head: bool) -> Checkpoint:
    return Checkpoint(_whole(told["sequence"]), _digest(told["digest"]), _whole(told["total_records"]), is_head)


def _seal(told: Mapping[str, Any]) -> Seal:
    return Seal(
        sequence=_whole(told["sequence"]),
        previous_digest=_digest(told["previous_digest"]) if "previous_digest" in told else None,
        record_ids=[_whole(one) for one in told["record_ids"]],
        record_digests=[_digest(one) for one in told["record_digests"]],
        total_records=_whole(told["total_records"]),
        first_at=str(told["first_at"]),
        last_at=str(told["last_at"]),
        sealed_at=str(told["sealed_at"]),
        digest=_digest(told["digest"]),
    )


def _whole(number: object) -> int:
    if not isinstance(number, Number) or not _WHOLE.fullmatch(number):
        raise ValueError("a number is not whole, or too large")
    return int(number)


def _digest(text: str) -> bytes:
    if not _DIGEST.fullmatch(text):
        raise ValueError("a digest is not 64 hexadecimal digits in lower case")
    return bytes.fromhex(text)
