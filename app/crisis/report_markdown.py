"""The report of a crisis as Markdown, in English or in French. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from app.crisis.declaration import CrisisScope
from app.crisis.report_schemas import CrisisReport, ReportLanguage, ReportPlan, ReportSignature
from app.crisis.report_wording import day, euros, moment, number, reason_told, told, words_of

SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")
HASH_SHOWN = 16


def markdown(report: CrisisReport, language: ReportLanguage) -> str:
    """Return a report as a document; what people have written into names and titles stays plain text."""
    return "\n\n".join(_Writer(report, language).sections()) + "\n"


def _plain(value: object) -> str:
    return SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


class _Writer:
    """One report being written in one language."""

    def __init__(self, report: CrisisReport, language: ReportLanguage) -> None:
        self.report = report
        self.language = language
        self.words = words_of(language)

    def sections(self) -> Iterable[str]:
        """Yield the parts of the document."""
        yield from self._head()
        yield from self._section("powers", ("kind", "act", "signatory", "scope", "from", "until"), self._powers())
        yield from self._section("doses", ("by", "wanted", "planned", "accepted", "delivered"), self._targets())
        plans = ("made", "status", "hash", "range", "campaigns", "displacements", "cost", "signed_by")
        yield from self._section("plans", plans, self._plans())
        orders = ("cdmo", "place", "from", "until", "batches", "amount", "price", "status", "delivered")
        yield from self._section("orders", orders, self._orders())
        gone = ("owner", "place", "from", "kind", "status", "ground", "to", "compensation", "offered_back", "became")
        yield from self._section("displaced", gone, self._displaced())
        ledger = ("organisation", "for_orders", "for_compensation", "balance")
        yield from self._section("ledger", ledger, self._ledger(self.report.ledger))
        yield from self._verdict()
        yield from self._section("timeline", ("at", "step", "who", "reason"), self._timeline())

    def _head(self) -> Iterable[str]:
        report, words = self.report, self.words
        yield f"# {words[report.mode.value if report.mode.value == 'drill' else 'crisis']}: {_plain(report.title)}"
        facts = {
            "status": told(report.status.value, self.language),
            "reason": reason_told(report.ended_reason_code, self.language),
            "validity": f"{day(report.start)} → {day(report.end)}",
            "countermeasure": f"{report.countermeasure} ({report.modality})",
            "made": moment(report.made_at),
        }
        yield "\n".join(f"- {words[name]}: {_plain(value)}" for name, value in facts.items() if value)

    def _section(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterable[str]:
        yield f"## {self.words[title]}"
        lines = [f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows]
        if not lines:
            yield self.words["nothing"]
            return
        head = f"| {' | '.join(self.words[name] for name in columns)} |"
        yield "\n".join([head, f"|{' --- |' * len(columns)}", *lines])

    def _powers(self) -> Iterable[Sequence[object]]:
        for one in self.report.powers:
            kind = told(one.kind.value, self.language)
            yield kind, one.act_reference, one.signatory, self._scope(one.scope), day(one.start), day(one.end)

    def _scope(self, scope: CrisisScope) -> str:
        named = [*scope.modalities, *scope.regions, *map(str, scope.site_ids)]
        return ", ".join(named) or self.words["everywhere"]

    def _targets(self) -> Iterable[Sequence[object]]:
        for one in self.report.targets:
            figures = (one.wanted, one.planned, one.accepted, one.delivered)
            yield day(one.by), *(number(figure, self.language) for figure in figures)

    def _plans(self) -> Iterable[Sequence[object]]:
        for one in self.report.plans:
            doses = (one.doses_low, one.doses_expected, one.doses_high)
            yield (
                moment(one.at),
                told(one.status, self.language),
                self._hash(one),
                " / ".join(number(figure, self.language) for figure in doses),
                one.campaigns,
                one.displacements,
                euros(one.cost_cents, self.language),
                "; ".join(map(self._signature, one.signatures)) or self.words["nobody"],
            )

    def _hash(self, one: ReportPlan | ReportSignature) -> str:
        return f"{one.plan_hash[:HASH_SHOWN]} ({self.words['intact' if one.hash_matches else 'altered']})"

    def _signature(self, one: ReportSignature) -> str:
        who = one.person or str(one.person_id)
        return f"{told(one.role, self.language)}: {who}, {one.organisation}, {moment(one.at)}, {self._hash(one)}"

    def _orders(self) -> Iterable[Sequence[object]]:
        for one in self.report.orders:
            yield (
                one.cdmo,
                one.place,
                day(one.start),
                day(one.end),
                one.batches,
                number(one.doses, self.language),
                euros(one.price_cents, self.language),
                told(one.status, self.language),
                f"{number(one.delivered_doses, self.language)} ({day(one.delivered_on)})",
            )

    def _displaced(self) -> Iterable[Sequence[object]]:
        for one in self.report.displacements:
            kind, _, act = (one.ground or "").partition(": ")
            yield (
                one.owner,
                one.place,
                f"{day(one.start)} → {day(one.end)}",
                told(one.kind, self.language),
                told(one.status, self.language),
                f"{told(kind, self.language)} ({act})" if act else "-",
                f"{one.to_place}, {day(one.to_start)}" if one.to_place else "-",
                euros(one.compensation_cents, self.language),
                told(one.offered_back, self.language) or "-",
                told(one.became, self.language) or self.words["none"],
            )

    def _ledger(self, ledger: dict[str, Any]) -> Iterable[Sequence[object]]:
        named = [(one["name"] or one["organisation_id"], one) for one in ledger["organisations"]]
        for name, one in named:
            cents = (one["orders_cents"], one["compensation_cents"], one["balance_cents"])
            yield name, *(euros(each, self.language) for each in cents)
        if named:
            yield self.words["total"], "", "", euros(ledger["balance_cents"], self.language)

    def _verdict(self) -> Iterable[str]:
        faults = self.report.ledger["faults"]
        if faults:
            lines = [f"- {_plain(one['code'])}: {_plain(one['subject'])} {one['subject_id'] or ''}" for one in faults]
            yield "\n".join([self.words["unbalanced"], "", *lines])
        else:
            yield self.words["balanced"]
        closed = self.report.ledger_at_end
        if closed is None:
            yield self.words["open"]
        else:
            yield f"{self.words['closed']} {euros(closed['net_cost_cents'], self.language)}"

    def _timeline(self) -> Iterable[Sequence[object]]:
        for one in self.report.timeline:
            who = one.organisation or self.words["service"]
            yield moment(one.at), told(one.action, self.language), who, reason_told(one.reason_code, self.language)
