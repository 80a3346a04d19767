"""Exports of the trail as files: written, checked with no database, and kept as witnesses."""

from collections.abc import AsyncIterator, Iterable, Iterator

from app.audit.checking import Checker
from app.audit.seals import DIGEST_BYTES, Checkpoint, Item, Seal, item_of, logged


async def lines_of(items: AsyncIterator[Item]) -> AsyncIterator[str]:
    """Yield the lines of an export, without their line breaks: what is read of the trail, and then the head."""
    head = Checkpoint(0, bytes(DIGEST_BYTES), 0, is_head=True)
    async for item in items:
        yield item.line
        if isinstance(item, Seal):
            head = Checkpoint(item.sequence, item.digest, item.total_records, is_head=True)
    yield head.line


def faults_of(lines: Iterable[str], checker: Checker) -> Iterator[str]:
    """Yield what is wrong with an export."""
    for number, line in enumerate(lines, start=1):
        try:
            item = item_of(line.removesuffix("\n"))
        except ValueError as error:
            yield f"line {number} cannot be read: {error}"
            continue
        yield from checker.take(item)
    yield from checker.end()


def witnesses_in(lines: Iterable[str]) -> dict[int, Checkpoint]:
    """Return the checkpoints and the head in lines of an export, or in those that were kept of it, or of a log.

    Raises
    ------
    ValueError
        If a line is none of these, or two say different things of one seal; names it.
    """
    kept: dict[int, Checkpoint] = {}
    for number, line in enumerate(lines, start=1):
        try:
            item = logged(line) or item_of(line.removesuffix("\n"))
        except ValueError as error:
            raise ValueError(f"line {number} cannot be read: {error}") from None
        if not isinstance(item, Checkpoint) or not item.sequence:
            continue
        other = kept.setdefault(item.sequence, item)
        if (other.digest, other.total_records) != (item.digest, item.total_records):
            raise ValueError(f"line {number} contradicts an earlier one on seal {item.sequence}")
    return kept
