"""What a certificate finds, in English and in French."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.certificate.report import Text
from scheduler.problem import Demand

NO_PLAN = Text("Not checked: there is no plan.", "Non vérifié : il n'y a pas de plan.")
NOT_RIGHT = Text(
    "Not checked: the plan is not eligible, feasible and within caps and limits.",
    "Non vérifié : le plan n'est pas éligible, réalisable et dans les plafonds et limites.",
)
CONTRADICTING = Text(
    "There is no plan: fixed bookings contradict each other, as the solution says.",
    "Il n'y a pas de plan : des réservations fixes se contredisent, comme la solution l'indique.",
)

VIOLATED = {
    "demand": "la demande n'est pas nommée une seule fois",
    "booking": "la réservation n'est pas connue, ou est nommée deux fois",
    "surge": "la montée en charge n'est pas connue",
    "option": "cette option n'existe pas",
    "window": "la fenêtre n'est pas celle de l'option",
    "duration": "la durée n'est pas celle de l'option",
    "start": "le début n'est pas dans les jours de l'option",
    "period": "la période sort de la fenêtre",
    "overlap": "deux occupations se chevauchent dans la fenêtre",
    "per_party": "cette partie a plus de demandes placées que le plafond",
    "days_per_party": "cette partie a plus de jours que le plafond",
    "limit": "cet objectif dépasse sa limite",
    "levels": "les niveaux ne sont pas les objectifs du problème",
    "value": "la valeur donnée n'est pas celle du plan",
    "bound": "la borne est du mauvais côté de la valeur",
    "proven": "le niveau n'est pas prouvé comme il est dit",
    "status": "le statut n'est pas celui que les niveaux montrent",
    "conflicts": "le conflit nommé entre réservations fixes est faux",
}


COUNTED = {
    "placed": Text("placed demands", "demandes placées"),
    "unplaced": Text("unplaced demands", "demandes non placées"),
    "moved": Text("moved bookings", "réservations déplacées"),
    "displaced": Text("displaced bookings", "réservations évincées"),
    "campaigns": Text("campaigns", "campagnes"),
    "surges": Text("surges", "montées en charge"),
    "windows": Text("windows", "fenêtres"),
    "parties": Text("parties", "parties"),
    "limits": Text("limits", "limites"),
    "levels": Text("levels", "niveaux"),
}


def found_among(number: int, counts: Mapping[str, int]) -> Text:
    """Say how many counterexamples there are, and among what."""
    en = ", ".join(f"{count:,} {COUNTED[name].en}" for name, count in counts.items())
    fr = ", ".join(f"{count} {COUNTED[name].fr}" for name, count in counts.items())
    if number == 0:
        return Text(f"No counterexample among {en}.", f"Aucun contre-exemple parmi {fr}.")
    among_en, among_fr = (f" among {en}", f" parmi {fr}") if counts else ("", "")
    plural = "" if number == 1 else "s"
    return Text(f"{number:,} counterexample{plural}{among_en}.", f"{number} contre-exemple{plural}{among_fr}.")


def sampled(counts: Mapping[str, int]) -> Text:
    """Say what became of the sample, and for how many demands the property follows without one."""
    if not counts["placed"]:
        return Text(
            "Not checked: no placed demand has a weight that an objective counts.",
            "Non vérifié : aucune demande placée n'a un poids compté par un objectif.",
        )
    open_ones = counts["unproven"] + counts["out_of_time"]
    return Text(
        f"Follows from proven levels for {counts['follows_for']:,} of {counts['placed']:,} placed demands. "
        f"{counts['sampled']} sampled: {counts['kept']} kept a place, {counts['lost']} lost it, {open_ones} "
        f"inconclusive ({counts['unproven']} not proven, {counts['out_of_time']} out of time).",
        f"Découle de niveaux prouvés pour {counts['follows_for']} des {counts['placed']} demandes placées. "
        f"Échantillon de {counts['sampled']} : {counts['kept']} replacées, {counts['lost']} non, {open_ones} "
        f"sans conclusion ({counts['unproven']} non prouvées, {counts['out_of_time']} faute de temps).",
    )


def demand_fits(demand: str, window: str, start: int, end: int) -> Text:
    """Say where an unplaced demand fits."""
    return Text(
        f"{demand} is unplaced and fits in {window} on [{start}, {end}), which is free.",
        f"{demand} n'est pas placée et tient dans {window} sur [{start}, {end}[, qui est libre.",
    )


def booking_returns(booking: str, window: str, start: int, end: int) -> Text:
    """Say where a displaced booking fits."""
    return Text(
        f"{booking} is displaced and fits in {window} on [{start}, {end}), which is free.",
        f"{booking} est évincée et tient dans {window} sur [{start}, {end}[, qui est libre.",
    )


def campaign_fits(surge: str, window: str, start: int, end: int, gain: int) -> Text:
    """Say where one more campaign fits, and what it would bring."""
    return Text(
        f"One more campaign of {surge} fits in {window} on [{start}, {end}) and adds {gain:,} to the output.",
        f"Une campagne de plus de {surge} tient dans {window} sur [{start}, {end}[ et ajoute {gain} à la production.",
    )


def could_take_the_place(demand: Demand, instead: Demand, window: str, start: int, end: int) -> Text:
    """Say which placed demand could give way to which unplaced one, and where that one would go."""
    return Text(
        f"{demand.id} (tier {demand.tier}, weight {demand.weight}) is unplaced and fits in {window} on "
        f"[{start}, {end}) without {instead.id} (tier {instead.tier}, weight {instead.weight}).",
        f"{demand.id} (rang {demand.tier}, poids {demand.weight}) n'est pas placée et tient dans {window} sur "
        f"[{start}, {end}[ sans {instead.id} (rang {instead.tier}, poids {instead.weight}).",
    )


def passes_the_bound(finding: Text, objective: str, value: int, bound: int) -> Text:
    """Say that something found is better than a bound allows."""
    return Text(
        f"{finding.en} That gives {objective} {value:,}, which the bound {bound:,} excludes.",
        f"{finding.fr} Cela donne {objective} {value}, ce que la borne {bound} exclut.",
    )


def lost_its_place(demand: Demand, raised: int) -> Text:
    """Say that a demand is unplaced by a proven plan once it weighs more."""
    return Text(
        f"{demand.id} is placed at weight {demand.weight}, and unplaced in a proven plan at weight {raised}.",
        f"{demand.id} est placée au poids {demand.weight}, et ne l'est pas dans un plan prouvé au poids {raised}.",
    )
