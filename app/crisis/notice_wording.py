"""What notices say, in English and in French: each kind is a row of sentences, in which facts stand by their paths.

Pure. A sentence whose facts are not there is left out: see `notice_text`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from app.crisis.notice_models import NoticeKind


class Sentence(NamedTuple):
    """One sentence in two languages; `{to.start}` stands for a fact, by its path.

    `needs`: the path of a fact without which it is not said, beside those that it names.
    """

    en: str
    fr: str
    needs: str | None = None


ACTS = {
    "reserve_contract": Sentence("reserve contract", "contrat de réserve"),
    "voluntary": Sentence("voluntary agreement", "accord volontaire"),
    "requisition_or_order": Sentence("requisition or order of the State", "réquisition ou ordre de l'État"),
    "exercise": Sentence("exercise", "exercice"),
}
ANSWERS = {
    "accepted": Sentence("accepted", "accepté"),
    "countered": Sentence("countered", "contre-proposition"),
    "declined": Sentence("declined", "refus"),
    "lapsed": Sentence("none in time", "aucune à temps"),
}
"""What was answered, to an order or about a place."""

REASONS = {
    "crisis_displaced": Sentence(
        "its days are needed for an order of the crisis", "ses jours sont requis par un ordre de la crise"
    ),
    "crisis_order_countered": Sentence(
        "the manufacturer has countered the order", "le façonnier a fait une contre-proposition"
    ),
    "crisis_amended": Sentence("the plan of the crisis has changed", "le plan de la crise a changé"),
    "crisis_order_withdrawn": Sentence("the manufacturer has withdrawn", "le façonnier s'est désisté"),
    "no_longer_needed": Sentence("the order needs its days no more", "l'ordre n'a plus besoin de ses jours"),
    "targets_met": Sentence("the targets are met", "les objectifs sont atteints"),
    "threat_over": Sentence("the threat is over", "la menace a pris fin"),
    "superseded": Sentence("another declaration takes its place", "une autre déclaration la remplace"),
    "declared_in_error": Sentence("it was declared in error", "elle a été déclarée par erreur"),
    "exercise_over": Sentence("the exercise is over", "l'exercice est terminé"),
    "validity_over": Sentence("the declaration has ended", "la déclaration a pris fin"),
    "capacity": Sentence("no capacity", "capacité insuffisante"),
    "running_batch": Sentence("a batch is under way", "un lot est en cours de production"),
    "equipment": Sentence("equipment", "équipements"),
    "staff": Sentence("staff", "effectifs"),
    "raw_material": Sentence("raw materials", "matières premières"),
    "regulatory": Sentence("a regulatory matter", "motif réglementaire"),
    "other": Sentence("another one", "autre"),
}
"""Coded reasons as words; one that has none here is told by its code."""

CAUSE = Sentence("Crisis: {crisis.title}.", "Crise : {crisis.title}.")
LOT = Sentence(
    "Your lot at {from.site_name} ({from.line_name}) was planned from {from.start} to {from.end}.",
    "Votre lot à {from.site_name} ({from.line_name}) était prévu du {from.start} au {from.end}.",
)
REASON = Sentence("Reason: {reason}.", "Motif : {reason}.")
NEED = Sentence(
    "It is to give way to the manufacture of {crisis.countermeasure}.",
    "Il doit laisser la place à cette production : {crisis.countermeasure}.",
)
ACT = Sentence(
    "This rests on: {act.kind}, {act.reference}, signed by {act.signatory}.",
    "Fondement : {act.kind}, {act.reference}, signé par {act.signatory}.",
)
PLACE = Sentence(
    "A place is held for you at {to.site_name} ({to.line_name}) from {to.start} to {to.end}, with delivery on "
    "{to.delivery_on}.",
    "Une place vous est gardée à {to.site_name} ({to.line_name}) du {to.start} au {to.end}, livraison le "
    "{to.delivery_on}.",
)
OWED = Sentence("You are owed {compensation_cents}.", "Il vous est dû {compensation_cents}.")
FIRST_REFUSAL = Sentence(
    "It is yours first: accept or decline it by {respond_by_at}. {silence}",
    "Vous en avez la priorité : acceptez-la ou refusez-la avant le {respond_by_at}. {silence}",
)
ANY_TIME = Sentence(
    "You may accept or decline that place from today. The time for it, {answer_hours} hours, runs only from the day on "
    "which your lot has given way.",
    "Vous pouvez accepter ou refuser cette place dès aujourd'hui. Le délai, {answer_hours} heures, ne court qu'à "
    "compter du jour où votre lot a effectivement laissé la place.",
)
CONTEST = (
    Sentence("How to contest this: {contest.procedure_en}", "Voies et délais de recours : {contest.procedure_fr}"),
    Sentence("Write to: {contest.contact}.", "Écrire à : {contest.contact}."),
    Sentence(
        "The wording of these remedies is to be confirmed by counsel.",
        "La rédaction de ces voies de recours reste à confirmer par un conseil juridique.",
        needs="contest.to_be_confirmed",
    ),
)
CAMPAIGN = Sentence(
    "Order: {order.batches} batches of {crisis.countermeasure} from {order.start} to {order.end}, at {order.site_name} "
    "({order.line_name}), for {order.price_cents}.",
    "Ordre : {order.batches} lots de {crisis.countermeasure} du {order.start} au {order.end}, à {order.site_name} "
    "({order.line_name}), pour {order.price_cents}.",
)
ANSWER_BY = Sentence(
    "Accept it, or name your earliest day, by {respond_by_at}.",
    "Acceptez-le, ou indiquez votre premier jour possible, avant le {respond_by_at}.",
)

_DISPLACED = (CAUSE, LOT, NEED, REASON, ACT)

NOTICES: Mapping[NoticeKind, tuple[Sentence, ...]] = {
    NoticeKind.ORDER_ISSUED: (
        Sentence("You have received an order.", "Vous avez reçu un ordre."),
        CAUSE,
        CAMPAIGN,
        ANSWER_BY,
        ACT,
    ),
    NoticeKind.ORDER_REMINDER: (
        Sentence("Reminder: an order awaits your answer.", "Rappel : un ordre attend votre réponse."),
        CAUSE,
        CAMPAIGN,
        ANSWER_BY,
    ),
    NoticeKind.ORDER_ESCALATED: (
        Sentence(
            "An order was not answered in time, by {respond_by_at}.",
            "Un ordre est resté sans réponse au {respond_by_at}.",
        ),
        CAUSE,
        CAMPAIGN,
        Sentence("Manufacturer: {cdmo}.", "Façonnier : {cdmo}."),
        Sentence(
            "It may still be accepted. You may call the manufacturer, or plan again without it.",
            "Il peut encore être accepté. Vous pouvez appeler le façonnier, ou replanifier sans lui.",
        ),
    ),
    NoticeKind.ORDER_ANSWERED: (
        Sentence("An order was answered: {answer}.", "Un ordre a reçu une réponse : {answer}."),
        CAUSE,
        CAMPAIGN,
        REASON,
        Sentence("Earliest day proposed: {earliest_on}.", "Premier jour proposé : {earliest_on}."),
        Sentence("Manufacturer: {cdmo}.", "Façonnier : {cdmo}."),
    ),
    NoticeKind.ORDER_WITHDRAWN: (
        Sentence(
            "A manufacturer has withdrawn from an order it had accepted: plan again.",
            "Un façonnier s'est désisté d'un ordre qu'il avait accepté : replanifiez.",
        ),
        CAUSE,
        CAMPAIGN,
        REASON,
        Sentence("Manufacturer: {cdmo}.", "Façonnier : {cdmo}."),
    ),
    NoticeKind.ORDER_RELEASED: (
        Sentence("You are released from an order.", "Vous êtes délié d'un ordre."),
        CAUSE,
        CAMPAIGN,
        REASON,
    ),
    NoticeKind.WILL_GIVE_WAY: (
        Sentence(
            "Your lot will have to give way if the manufacturer accepts an order. Until then nothing changes.",
            "Votre lot devra laisser la place si le façonnier accepte un ordre. D'ici là, rien ne change.",
        ),
        *_DISPLACED,
        PLACE,
        OWED,
        ANY_TIME,
        *CONTEST,
    ),
    NoticeKind.GAVE_WAY: (
        Sentence("Your lot has given way to an order.", "Votre lot a laissé la place à un ordre."),
        *_DISPLACED,
        PLACE,
        OWED,
        FIRST_REFUSAL,
        *CONTEST,
    ),
    NoticeKind.KEEPS_PLACE: (
        Sentence("Your lot keeps its place.", "Votre lot garde sa place."),
        CAUSE,
        LOT,
        REASON,
    ),
    NoticeKind.ANSWER_REMINDER: (
        Sentence("Reminder: a place awaits your answer.", "Rappel : une place attend votre réponse."),
        CAUSE,
        PLACE,
        FIRST_REFUSAL,
        *CONTEST,
    ),
    NoticeKind.REPLACEMENT_TAKEN: (
        Sentence("The place held for you is yours.", "La place gardée pour vous est à vous."),
        CAUSE,
        PLACE,
    ),
    NoticeKind.REPLACEMENT_DECLINED: (
        Sentence("You have declined the place held for you.", "Vous avez refusé la place gardée pour vous."),
        CAUSE,
        PLACE,
        OWED,
    ),
    NoticeKind.REPLACEMENT_LAPSED: (
        Sentence(
            "The place held for you was not taken in time, and is no longer held.",
            "La place gardée pour vous n'a pas été acceptée à temps et n'est plus gardée.",
        ),
        CAUSE,
        PLACE,
        OWED,
        *CONTEST,
    ),
    NoticeKind.PLACE_OFFERED_BACK: (
        Sentence(
            "The place that your lot gave up is free again.", "La place que votre lot a cédée est de nouveau libre."
        ),
        CAUSE,
        LOT,
        REASON,
        Sentence(
            "It is offered to you first: answer by {respond_by_at}.",
            "Elle vous est proposée en priorité : répondez avant le {respond_by_at}.",
        ),
        Sentence(
            "On offer: {to.start} to {to.end}, with delivery on {to.delivery_on}, under the terms that you had there.",
            "Proposition : du {to.start} au {to.end}, livraison le {to.delivery_on}, aux conditions que vous y aviez.",
        ),
    ),
    NoticeKind.EXPIRES_SOON: (
        Sentence(
            "The declaration ends by itself on {validity_end_on}, in {days_left} days.",
            "La déclaration prend fin d'elle-même le {validity_end_on}, dans {days_left} jours.",
        ),
        CAUSE,
        Sentence(
            "Renew it before, on an act in force until the new end; else it is stood down on that day.",
            "Renouvelez-la avant, sur un acte en vigueur jusqu'à la nouvelle échéance ; à défaut elle sera levée ce "
            "jour-là.",
        ),
    ),
}

SILENCE = {
    "lapses": Sentence(
        "Unanswered, it is no longer held, and you are owed what a lot without a place is.",
        "Sans réponse, elle n'est plus gardée, et il vous est dû ce qui revient à un lot sans place.",
    ),
    "takes": Sentence("Unanswered, it is yours.", "Sans réponse, elle est à vous."),
}
"""What becomes of a place whose owner does not answer, by the rules of the crisis."""
