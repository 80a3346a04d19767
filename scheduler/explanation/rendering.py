"""Statements as sentences of one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby

from scheduler.explanation.statements import (
    Ceiling,
    Change,
    Facts,
    Holder,
    LevelChange,
    Nearest,
    Place,
    Refusal,
    Statement,
    Who,
)
from scheduler.explanation.wording import TEMPLATES, is_one
from scheduler.problem import tier_of

MOST_NAMES = 8
"""Of those who only change places; whoever loses theirs is always named."""
FATES = ("unplaced", "displaced", "dropped", "moved", "shifted", "restored", "placed", "added")
WEIGHED = frozenset({"unplaced", "displaced", "restored", "placed"})


class Renderer:
    """The sentences of one explanation in one language.

    Parameters
    ----------
    language : str
        ``en`` or ``fr``.
    origin : date
        The date of day 0.
    labels : mapping
        Names to show instead of identifiers.
    """

    def __init__(self, language: str, origin: date, labels: Mapping[str, str | None]) -> None:
        self.language, self.origin, self.labels = language, origin, labels
        self.templates = TEMPLATES[language]

    def sentence(self, statement: Statement) -> str:
        """Return the statement as a sentence, or a few."""
        data = statement.data
        text = self._say(
            statement.code,
            who=self.people([data.who]) if data.who else "",
            place=self.place(data.place) if data.place else "",
            holders=self.joined([self.holder(one) for one in data.holders or ()]),
            ceilings=self.joined([self.ceiling(one) for one in data.ceilings or ()]),
            objectives=", ".join(self.objective(name) for name in data.objectives or ()),
            reason=self.refusal(data.refusal) if data.refusal else "",
            **(self.trial(data) if data.changes is not None or statement.code in {"impossible", "not_found"} else {}),
            **(self.nearest(data.nearest) if data.nearest else {}),
        )
        return text[:1].upper() + text[1:] if self._begins_with_a_word(statement) else text

    def _begins_with_a_word(self, statement: Statement) -> bool:
        """Say whether the sentence begins with a word of the language, not with a name to be left as it is."""
        who = statement.data.who
        return who is not None and (who.kind != "demand" or who.id is None)

    def people(self, everyone: Sequence[Who], *, weighed: bool = True) -> str:
        """Return names, and how many others there are, with their weights or without."""
        if not weighed and len(everyone) > MOST_NAMES:
            everyone = [replace(who, id=None) for who in everyone]
        names = [self._name(who) for who in everyone if who.id is not None and who.kind != "campaign"]
        unnamed = [(who.kind, who.id) for who in everyone if who.id is None or who.kind == "campaign"]
        for (kind, name), group in groupby(sorted(unnamed, key=str)):
            names.append(self._several(kind, name, len(list(group))))
        weights = [who.weight for who in everyone if who.weight is not None]
        if not weights or not weighed:
            return self.joined(names)
        if len(weights) == 1:
            return self._say("weighing", names=self.joined(names), weight=weights[0])
        key = "weighing.same" if len(set(weights)) == 1 else "weighing.mixed"
        shown = self.joined([self.number(weight) for weight in weights])
        total = self.number(sum(weights))
        return self._say(key, names=self.joined(names), weight=self.number(weights[0]), weights=shown, total=total)

    def _name(self, who: Who) -> str:
        return self._say(f"who.{who.kind}", name=self.label(who.id or ""))

    def _several(self, kind: str, name: str | None, number: int) -> str:
        if name is not None and number == 1:
            return self._say(f"who.{kind}", name=self.label(name))
        some = self._counted(f"other.{kind}", number)
        return some if name is None else f"{some} ({self.label(name)})"

    def label(self, name: str) -> str:
        """Return the name to show for an identifier."""
        return self.labels.get(name) or name

    def holder(self, holder: Holder) -> str:
        """Return who is in the way, and when if that may be said."""
        who = self.people([holder.who])
        if holder.start is None or holder.end is None:
            return who
        return self._say("holder", who=who, period=self.period(holder.start, holder.end))

    def place(self, place: Place) -> str:
        """Return a place with its window, days and rank."""
        rank = "" if place.rank is None else self._say("place.rank", rank=place.rank)
        window = self.label(place.window)
        if place.first == place.last:
            return self._say(
                "place.taken", period=self.period(place.first, place.first + place.duration), window=window, rank=rank
            )
        days = self._counted("days", place.duration)
        first, last = self.day(place.first), self.day(place.last)
        return self._say("place.range", days=days, window=window, first=first, last=last, rank=rank)

    def trial(self, data: Facts) -> dict[str, str]:
        """Return what was tried, what it does to others and to the objectives, and how sure that is."""
        place, kind = data.place, data.who.kind if data.who else ""
        key = "keep" if kind == "movable" else "place" if place is None else "take"
        act = self._say(
            f"act.{key}",
            who=self.people([data.who]) if data.who else "",
            rank=place.rank if place else "",
            window=self.label(place.window) if place else "",
        )
        deeds = self.deeds(data.changes or ())
        level = data.levels[-1] if data.levels else None
        if level is None:
            return {"act": act, "deeds": deeds}
        return {"act": act, "deeds": deeds, "levels": self.level(level), "proof": self.proof(level, data)}

    def deeds(self, changes: Sequence[Change]) -> str:
        """Return what becomes of others, the hardest first."""
        phrases = []
        for fate in FATES:
            people = [change.who for change in changes if change.fate == fate]
            if people:
                phrases.append(
                    self._counted(f"fate.{fate}", len(people), people=self.people(people, weighed=fate in WEIGHED))
                )
        return self.joined(phrases) or self._say("fate.none")

    def level(self, level: LevelChange) -> str:
        """Return how the deciding objective changes."""
        key = f"level.{'worse' if level.worse else 'better'}"
        objective = self.objective(level.objective)
        if level.before is None or level.after is None:
            return self._say(f"{key}.withheld", objective=objective)
        before, after, by = (
            self.amount(level.objective, number)
            for number in (level.before, level.after, abs(level.after - level.before))
        )
        return self._say(key, objective=objective, before=before, after=after, by=by)

    def proof(self, level: LevelChange, data: Facts) -> str:
        """Return whether the cost is the least, or between what and what it lies."""
        if data.proven:
            return self._say("proof.proven")
        if level.best is None or level.before is None or level.after is None:
            return self._say("proof.found")
        least = (level.before - level.best) * (1 if level.after < level.before else -1)
        if least <= 0:
            return self._say("proof.found")
        return self._say("proof.between", least=self.amount(level.objective, least))

    def objective(self, name: str) -> str:
        """Return the objective in words."""
        tier = tier_of(name)
        return self._say(f"objective.{name}") if tier is None else self._say("objective.weight_tier", tier=tier)

    def ceiling(self, ceiling: Ceiling) -> str:
        """Return the cap or limit that leaves no room."""
        if ceiling.name in {"per_party", "days_per_party"}:
            return self._say(f"ceiling.{ceiling.name}", reached=ceiling.reached, most=ceiling.most)
        objective = self.objective(ceiling.name)
        if ceiling.reached is None or ceiling.most is None:
            return self._say("ceiling.withheld", objective=objective)
        reached, most = self.amount(ceiling.name, ceiling.reached), self.amount(ceiling.name, ceiling.most)
        return self._say("ceiling.limit", objective=objective, reached=reached, most=most)

    def nearest(self, nearest: Nearest) -> dict[str, str]:
        """Return the change, and the place that it gives."""
        known = f"change.{nearest.kind}.one" in self.templates and nearest.kind != "other"
        key = f"change.{nearest.kind if known else 'other'}"
        change = self._counted(
            key,
            nearest.amount,
            kind=nearest.kind,
            unit=nearest.unit,
            money=self.amount("cost", nearest.amount),
            objective=self.objective(nearest.unit) if nearest.kind == "limit" else "",
        )
        period = self.period(nearest.start, nearest.end)
        return {"change": change, "period": period, "window": self.label(nearest.window)}

    def refusal(self, refusal: Refusal) -> str:
        """Return a reason in its own words if it has any."""
        own = (refusal.text or {}).get(self.language)
        if own is None:
            bare = refusal.asked is None and refusal.offered is None
            unstated = self._say("unstated")
            own = self._say(
                "reason.bare" if bare else "reason.sides",
                code=refusal.code,
                asked=refusal.asked or unstated,
                offered=refusal.offered or unstated,
            )
        return own if refusal.place is None else self._say("reason.at", place=self.label(refusal.place), reason=own)

    def amount(self, objective: str, amount: float) -> str:
        """Return an objective's amount: money in euros, the rest as a number."""
        if objective != "cost":
            return self.number(amount)
        euros = self.number(amount / 100) if amount % 100 == 0 else self._digits(f"{amount / 100:,.2f}")
        return f"{euros} EUR"

    def number(self, number: float) -> str:
        """Return a number with its thousands apart."""
        return self._digits(f"{int(number):,}" if number == int(number) else f"{number:,g}")

    def _digits(self, text: str) -> str:
        return text.replace(",", " ").replace(".", ",") if self.language == "fr" else text

    def day(self, day: int) -> str:
        """Return a day as its date."""
        return (self.origin + timedelta(days=day)).isoformat()

    def period(self, start: int, end: int) -> str:
        """Return a half-open period."""
        return f"[{self.day(start)}, {self.day(end)})"

    def joined(self, parts: Sequence[str]) -> str:
        """Return a list in words."""
        if len(parts) < 2:
            return "".join(parts)
        return self._say("and", head=", ".join(parts[:-1]), last=parts[-1])

    def _counted(self, key: str, number: float, **values: object) -> str:
        form = "one" if is_one(self.language, number) else "many"
        return self._say(f"{key}.{form}", number=self.number(number), **values)

    def _say(self, key: str, **values: object) -> str:
        return self.templates[key].format(**values)
