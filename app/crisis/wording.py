"""What a plan says of its tiers and of those who give way, as plain sentences in English and in French."""

from collections.abc import Mapping
from typing import Any

from app.matching.names import Phrase
from app.matching.wording import Language

LANGUAGES: tuple[Language, ...] = ("en", "fr")

PROOFS: Mapping[str, Phrase] = {
    "proven": Phrase(" This is proven.", " C'est prouvé."),
    "bound": Phrase(
        " This is the best found in the time given; proven is only: at least {at_least}.",
        " C'est le mieux trouvé dans le temps imparti ; il est seulement prouvé : au moins {at_least}.",
    ),
    "none": Phrase("", ""),
}
"""How sure a statement is; added to its sentence."""

STATEMENTS: Mapping[str, Phrase] = {
    "tier_met": Phrase(
        "With capacity up to tier {tier}, {reached} of the {asked} doses asked are reached, summed over the targets: "
        "no further tier is called.",
        "Avec les capacités jusqu'au niveau {tier}, {reached} des {asked} doses demandées sont atteintes, toutes "
        "échéances additionnées : aucun autre niveau n'est appelé.",
    ),
    "tier_short": Phrase(
        "With capacity up to tier {tier}, {reached} of the {asked} doses asked are reached, summed over the targets.",
        "Avec les capacités jusqu'au niveau {tier}, {reached} des {asked} doses demandées sont atteintes, toutes "
        "échéances additionnées.",
    ),
    "tier_short_unproven": Phrase(
        "With capacity up to tier {tier}, {reached} of the {asked} doses asked were reached in the time given, summed "
        "over the targets; no more than {at_most} can be.",
        "Avec les capacités jusqu'au niveau {tier}, {reached} des {asked} doses demandées ont été atteintes dans le "
        "temps imparti, toutes échéances additionnées ; pas plus de {at_most} ne peuvent l'être.",
    ),
    "kept_costs_doses": Phrase(
        "If this booking kept its place, {fewer_by} doses fewer would be released by {by}, and {fewer} fewer summed "
        "over the targets.",
        "Si cette réservation gardait sa place, {fewer_by} doses de moins seraient libérées au {by}, et {fewer} de "
        "moins toutes échéances additionnées.",
    ),
    "kept_costs_displacement": Phrase(
        "If this booking kept its place, as many doses would take more from others: {more} points of displacement "
        "more. Giving way in its stead: {instead}.",
        "Si cette réservation gardait sa place, autant de doses demanderaient davantage aux autres : {more} points de "
        "déplacement de plus. Céderaient leur place à sa suite : {instead}.",
    ),
    "kept_costs_delay": Phrase(
        "If this booking kept its place, as many doses would ask as little of others, but move them later: {more} "
        "weighted days more. Giving way in its stead: {instead}.",
        "Si cette réservation gardait sa place, autant de doses demanderaient aussi peu aux autres, mais en les "
        "décalant davantage : {more} jours pondérés de plus. Céderaient leur place à sa suite : {instead}.",
    ),
    "kept_costs_money": Phrase(
        "If this booking kept its place, the plan would come later in the order of use, or cost more: {more} points "
        "more (tiers called, then cents). Giving way in its stead: {instead}.",
        "Si cette réservation gardait sa place, le plan viendrait plus loin dans l'ordre d'appel, ou coûterait plus : "
        "{more} points de plus (niveaux appelés, puis centimes). Céderaient leur place à sa suite : {instead}.",
    ),
    "kept_costs_changes": Phrase(
        "If this booking kept its place, the amendment would change more orders, come later in the order of use, or "
        "cost more: {more} points more (orders, then tiers called, then cents). Giving way in its stead: {instead}.",
        "Si cette réservation gardait sa place, la modification changerait plus d'ordres, viendrait plus loin dans "
        "l'ordre d'appel, ou coûterait plus : {more} points de plus (ordres, puis niveaux appelés, puis centimes). "
        "Céderaient leur place à sa suite : {instead}.",
    ),
    "kept_passed_on": Phrase(
        "This booking was to give way already, to an order that is given up; the campaign that takes the place of that "
        "order needs its days too.",
        "Cette réservation devait déjà céder sa place, à un ordre qui est abandonné ; la campagne qui remplace cet "
        "ordre a aussi besoin de ses jours.",
    ),
    "kept_ties": Phrase(
        "A plan as good leaves this booking in its place; then {instead} would give way. Nothing that is optimised "
        "tells the two apart.",
        "Un plan aussi bon laisse cette réservation à sa place ; céderaient alors la leur : {instead}. Rien de ce qui "
        "est optimisé ne les départage.",
    ),
    "kept_gains": Phrase(
        "A better plan that leaves this booking in its place was found afterwards: this plan is not the best.",
        "Un meilleur plan, qui laisse cette réservation à sa place, a été trouvé ensuite : ce plan n'est pas le "
        "meilleur.",
    ),
    "kept_not_shown": Phrase(
        "What would follow if this booking kept its place was not established in the time given.",
        "Ce qui s'ensuivrait si cette réservation gardait sa place n'a pas été établi dans le temps imparti.",
    ),
    "displacement_proven": Phrase(
        "{bookings} bookings give way, weighing {value} points. No plan that reaches as much of what was put first "
        "asks less: proven.",
        "{bookings} réservations cèdent leur place, pesant {value} points. Aucun plan qui atteint autant de ce qui "
        "passe avant n'en demande moins : c'est prouvé.",
    ),
    "displacement_bound": Phrase(
        "{bookings} bookings give way, weighing {value} points. Whether less would do is not settled: no plan that "
        "reaches as much of what was put first asks less than {bound}.",
        "{bookings} réservations cèdent leur place, pesant {value} points. Il n'est pas tranché si moins suffirait : "
        "aucun plan qui atteint autant de ce qui passe avant n'en demande moins de {bound}.",
    ),
    "one_fewer_costs_doses": Phrase(
        "With one booking fewer giving way ({most} in all, whichever they are), {fewer_by} doses fewer would be "
        "released by {by}, and {fewer} fewer summed over the targets.",
        "Avec une réservation de moins cédant sa place ({most} en tout, quelles qu'elles soient), {fewer_by} doses de "
        "moins seraient libérées au {by}, et {fewer} de moins toutes échéances additionnées.",
    ),
    "one_fewer_weighs_more": Phrase(
        "With one booking fewer giving way ({most} in all), as many doses can be had, but those bookings weigh more: "
        "{weighs} points of displacement instead of {value}.",
        "Avec une réservation de moins cédant sa place ({most} en tout), autant de doses sont possibles, mais ces "
        "réservations pèsent davantage : {weighs} points de déplacement au lieu de {value}.",
    ),
    "one_fewer_does": Phrase(
        "With one booking fewer giving way ({most} in all), as many doses can be had, at {weighs} points of "
        "displacement against {value}: this plan does not ask for the fewest bookings.",
        "Avec une réservation de moins cédant sa place ({most} en tout), autant de doses sont possibles, pour {weighs} "
        "points de déplacement contre {value} : ce plan ne demande pas le moins de réservations.",
    ),
    "one_fewer_not_shown": Phrase(
        "What one booking fewer giving way would cost was not established in the time given.",
        "Ce que coûterait une réservation de moins cédant sa place n'a pas été établi dans le temps imparti.",
    ),
    "nobody_gives_way": Phrase("No booking gives way.", "Aucune réservation ne cède sa place."),
    "nobody_more_gives_way": Phrase("No further booking gives way.", "Aucune autre réservation ne cède sa place."),
}


def statement(code: str, data: Mapping[str, Any], *, proof: str = "none") -> dict[str, Any]:
    """Return a statement: its code, its data, how sure it is, and a sentence in each language."""
    texts: dict[str, str] = {language: _said(code, data, proof, language) for language in LANGUAGES}
    return {"code": code, "data": dict(data), "proof": proof, **texts}


def _said(code: str, data: Mapping[str, Any], proof: str, language: Language) -> str:
    template: str = getattr(STATEMENTS[code], language) + getattr(PROOFS[proof], language)
    return template.format(**{name: _shown(value, language) for name, value in data.items()})


def _shown(value: object, language: Language) -> str:
    """Return a figure with its thousands apart, and who gives way by their identifiers."""
    if isinstance(value, int):
        return f"{value:,}" if language == "en" else f"{value:,}".replace(",", " ")
    if isinstance(value, list):
        nobody = "nobody else" if language == "en" else "personne d'autre"
        return ", ".join(str(one["booking_id"]) for one in value if "booking_id" in one) or nobody
    return str(value)
