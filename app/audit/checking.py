"""Recomputing the trail: what was altered, lost, added, swapped, reordered or cut, told by name. Pure, one item a time.

A seal that was altered, or is missing, vouches for nothing: the fault is told once, and records are judged again from
the next seal on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations

from app.audit.canonical import canonical, digest_of, read
from app.audit.seals import SEALS_A_CHECKPOINT, Checkpoint, Item, Seal, SealedRecord

COMPARED_FOR_SWAPS = 40
"""Altered records of one seal among which swaps are looked for; of more, each is told by itself."""


@dataclass(slots=True, kw_only=True)
class Checker:
    """Takes the trail item by item, in its order, and yields what is wrong with it, in plain sentences.

    Attributes
    ----------
    witnesses
        Checkpoints that were kept elsewhere, by the number of their seal.
    is_file
        Whether it is an export: that may begin after the first seal, and ends with its head.
    reached
        The state at the last seal that was taken.
    begins_after
        Number of the last seal before the first one that was taken.
    is_joined
        Whether a witness told of the state before that first one, which follows from it.
    """

    witnesses: Mapping[int, Checkpoint]
    is_file: bool = False
    reached: Checkpoint | None = None
    begins_after: int = 0
    is_joined: bool = False
    records: int = 0
    _has_head: bool = False
    _waiting: dict[int, SealedRecord] = field(default_factory=dict)
    _last_id: int = 0
    _vouched: bool = True
    _last_checkpoint: int = 0

    def take(self, item: Item) -> Iterator[str]:
        """Take the next item."""
        if not isinstance(item, Checkpoint) or item.is_head:
            yield from self._lost_checkpoint()
        if self._has_head:
            yield "something stands behind the head, which is the end"
        if isinstance(item, SealedRecord):
            yield from self._record(item)
        elif isinstance(item, Seal):
            yield from self._seal(item)
        else:
            self._has_head = item.is_head
            yield from self._checkpoint(item)

    def end(self) -> Iterator[str]:
        """Conclude: nothing comes after this."""
        if not self._has_head:
            yield from self._lost_checkpoint()
        last = self.reached.sequence if self.reached else 0
        if self._waiting:
            yield f"{len(self._waiting)} records at the end have no seal, from record {min(self._waiting)} on"
        if self.is_file and not self._has_head:
            yield f"the tail is cut: the file has no head at its end, behind seal {last}"
        beyond = [number for number in self.witnesses if number > last]
        if beyond:
            kept = self.witnesses[max(beyond)]
            yield (
                f"the tail is cut: a checkpoint that was kept tells of seal {kept.sequence} and {kept.total_records}"
                f" records, the trail ends at seal {last}"
            )

    def _record(self, record: SealedRecord) -> Iterator[str]:
        self.records += 1
        if record.id in self._waiting:
            yield f"record {record.id} is there twice"
        elif record.id <= self._last_id:
            behind = f"record {self._last_id}" if record.id < self._last_id else "the seal that tells of it"
            yield f"record {record.id} is out of order: it stands behind {behind}"
        self._last_id = max(self._last_id, record.id)
        self._waiting[record.id] = record

    def _seal(self, seal: Seal) -> Iterator[str]:
        is_first = self.reached is None
        before = self._before(seal)
        if is_first:
            yield from self._uncompared()
        intact, follows = seal.is_intact, seal.sequence == before.sequence + 1
        yield from _order(before, seal)
        if intact:
            if follows:
                yield from _link(before, seal, counted=self._vouched)
            yield from _compared(seal, self._waiting, whole=follows and self._vouched)
            self._last_id = max([self._last_id, *seal.record_ids])
        else:
            yield f"seal {seal.sequence} is altered: its digest does not follow from what it states"
        self._waiting, self._vouched = {}, intact
        self.reached = Checkpoint(seal.sequence, seal.digest, seal.total_records)
        kept = self.witnesses.get(seal.sequence)
        if kept and (kept.digest, kept.total_records) != (seal.digest, seal.total_records):
            yield f"seal {seal.sequence} is not what a kept checkpoint tells of: the trail up to it was made anew"

    def _before(self, seal: Seal) -> Checkpoint:
        """Return the state before a seal: of the first one of a file, as a witness tells, or else as it says itself."""
        if self.reached is not None:
            return self.reached
        number = seal.sequence - 1
        if not self.is_file or number == 0:
            return Checkpoint(0, b"", 0)
        self.begins_after, kept = number, self.witnesses.get(number)
        self.is_joined = kept is not None
        return kept or Checkpoint(number, seal.previous_digest or b"", seal.total_records - len(seal.record_ids))

    def _uncompared(self) -> Iterator[str]:
        """Yield that nothing shows whether a file continues what was kept from before its beginning."""
        earlier = [number for number in self.witnesses if number < self.begins_after]
        if earlier and not self.is_joined:
            yield (
                f"the beginning is cut: the file begins behind seal {self.begins_after}, and has nothing to compare"
                f" with the checkpoint that was kept of seal {max(earlier)}"
            )

    def _lost_checkpoint(self) -> Iterator[str]:
        """Yield that the last seal has not the checkpoint that the first one has, and then every so many."""
        at = self.reached.sequence if self.reached else 0
        if at > self._last_checkpoint and (at == 1 or at % SEALS_A_CHECKPOINT == 0):
            self._last_checkpoint = at
            yield f"checkpoint {at} is missing"

    def _checkpoint(self, told: Checkpoint) -> Iterator[str]:
        at = self.reached
        name = "the head" if told.is_head else f"checkpoint {told.sequence}"
        if at is None or told.sequence > at.sequence:
            if told.sequence or told.total_records:
                last = at.sequence if at else 0
                yield f"the tail is cut, or seals are lost: {name} tells of seal {told.sequence} behind seal {last}"
        elif told.sequence < at.sequence:
            yield f"{name} is out of order: it stands behind seal {at.sequence}"
        elif (told.digest, told.total_records) != (at.digest, at.total_records):
            yield f"{name} does not agree with seal {at.sequence}: one of them is altered"
        elif self._waiting and not told.is_head:
            yield f"{name} is out of order: it stands behind record {max(self._waiting)}"
        elif self._last_checkpoint == told.sequence and not told.is_head:
            yield f"{name} is there twice"
        if not told.is_head:
            self._last_checkpoint = max(self._last_checkpoint, told.sequence)


def _order(before: Checkpoint, seal: Seal) -> Iterator[str]:
    first, last = before.sequence + 1, seal.sequence - 1
    if seal.sequence < first:
        yield f"seal {seal.sequence} is out of order: it stands behind seal {before.sequence}"
    elif first == last:
        yield f"seal {first} is missing"
    elif first < last:
        yield f"seals {first} to {last} are missing"


def _link(before: Checkpoint, seal: Seal, *, counted: bool) -> Iterator[str]:
    if (seal.previous_digest or b"") != before.digest:
        yield f"seal {seal.sequence} does not continue seal {before.sequence}: one of them was made anew"
    elif counted and seal.total_records != before.total_records + len(seal.record_ids):
        yield f"seal {seal.sequence} counts {seal.total_records} records: not its own and those before it"


def _compared(seal: Seal, found: Mapping[int, SealedRecord], *, whole: bool) -> Iterator[str]:
    """Yield what differs between the records that a seal states and those that are there.

    Parameters
    ----------
    whole
        Whether all records there belong to this seal: not so behind one that is missing or altered.
    """
    stated = dict(zip(seal.record_ids, seal.record_digests, strict=False))
    altered: dict[int, SealedRecord] = {}
    for identifier, digest in stated.items():
        record = found.get(identifier)
        if record is None:
            yield f"record {identifier} is missing: seal {seal.sequence} has it"
        elif digest_of(record.line) != digest:
            altered[identifier] = record
    swapped = _swapped(altered, stated)
    for identifier in altered:
        if identifier in swapped:
            yield f"record {identifier} is swapped: it says what was sealed as record {swapped[identifier]}"
        else:
            yield f"record {identifier} is altered: it is not what seal {seal.sequence} has"
    for identifier in sorted(found.keys() - stated.keys()):
        if whole or identifier > min(stated, default=0):
            yield f"record {identifier} was added behind the seals: seal {seal.sequence} has it not"


def _swapped(altered: Mapping[int, SealedRecord], stated: Mapping[int, bytes]) -> dict[int, int]:
    """Return which altered record says what was sealed under which other identifier."""
    if len(altered) > COMPARED_FOR_SWAPS:
        return {}
    members = {identifier: read(record.line) for identifier, record in altered.items()}
    return {
        here: there
        for here, there in permutations(altered, 2)
        if digest_of(canonical(members[here] | {"id": there})) == stated[there]
    }
