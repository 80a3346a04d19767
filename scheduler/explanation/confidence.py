"""What a party may read of an explanation that concerns others too: their weights, never who, when, or for how much."""

from __future__ import annotations

from dataclasses import replace

from scheduler.explanation.statements import Ceiling, Change, Facts, Holder, LevelChange, Statement, Who

PRICES = "cost"


def withheld(statement: Statement, hidden: frozenset[str], party: str | None = None) -> Statement:
    """Return the statement without the identities in `hidden`, and for a party without anyone else's.

    A party also reads no days of other people's campaigns and no total of costs, from which a price could be told.
    """
    return replace(statement, data=_Screen(hidden, party).facts(statement.data))


class _Screen:
    def __init__(self, hidden: frozenset[str], party: str | None) -> None:
        self.hidden, self.party = hidden, party

    def facts(self, facts: Facts) -> Facts:
        return replace(
            facts,
            who=None if facts.who is None else self.who(facts.who),
            holders=None if facts.holders is None else tuple(map(self.holder, facts.holders)),
            changes=None if facts.changes is None else tuple(map(self.change, facts.changes)),
            levels=None if facts.levels is None else tuple(map(self.level, facts.levels)),
            ceilings=None if facts.ceilings is None else tuple(map(self.ceiling, facts.ceilings)),
        )

    def who(self, who: Who) -> Who:
        stranger = self.party is not None and who.party != self.party
        return Who(who.kind, weight=who.weight) if stranger or who.id in self.hidden else who

    def holder(self, holder: Holder) -> Holder:
        who = self.who(holder.who)
        return Holder(who) if who.id is None else replace(holder, who=who)

    def change(self, change: Change) -> Change:
        return replace(change, who=self.who(change.who))

    def level(self, level: LevelChange) -> LevelChange:
        secret = self.party is not None and level.objective == PRICES
        return LevelChange(level.objective, level.worse) if secret else level

    def ceiling(self, ceiling: Ceiling) -> Ceiling:
        secret = self.party is not None and ceiling.name == PRICES
        return Ceiling(ceiling.name) if secret else ceiling
