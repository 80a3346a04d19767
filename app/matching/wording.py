"""Reasons and cautions as plain sentences, in English and in French."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from app.matching.names import NAMES, Phrase
from app.matching.outcome import Caution, CautionCode, Reason, ReasonCode, Value

Language = Literal["en", "fr"]
MONEY = frozenset({ReasonCode.OVER_BUDGET})
NOTHING = Phrase("not stated", "non précisé")

REASONS: dict[ReasonCode, Phrase] = {
    ReasonCode.NOT_BOOKABLE: Phrase(
        "This line cannot be booked: {offered}.", "Cette ligne n'est pas réservable : {offered}."
    ),
    ReasonCode.MODALITY: Phrase(
        "You ask for {asked}; this line makes {offered}.", "Vous demandez {asked} ; cette ligne produit {offered}."
    ),
    ReasonCode.TERMS_UNKNOWN: Phrase(
        "This line states no release time for {asked}.", "Cette ligne n'indique aucun délai de libération pour {asked}."
    ),
    ReasonCode.AUTHORISATION_MODALITY: Phrase(
        "The site is not authorised for {asked}, only for {offered}.",
        "Le site n'est pas autorisé pour {asked}, mais seulement pour {offered}.",
    ),
    ReasonCode.AUTHORISATION_PHASE: Phrase(
        "The site is not authorised for lots for {asked}, only for {offered}.",
        "Le site n'est pas autorisé pour des lots de {asked}, seulement pour des lots de {offered}.",
    ),
    ReasonCode.GMP_PHASE: Phrase(
        "You ask for a lot for {asked}; this line makes lots for {offered}.",
        "Vous demandez un lot de {asked} ; cette ligne produit des lots de {offered}.",
    ),
    ReasonCode.GMP_PHASE_UNKNOWN: Phrase(
        "It is not known whether this line makes lots for {asked}.",
        "On ne sait pas si cette ligne produit des lots de {asked}.",
    ),
    ReasonCode.PLATFORM: Phrase(
        "Platform needed: {asked}; platforms of this line: {offered}.",
        "Plateforme requise : {asked} ; plateformes de cette ligne : {offered}.",
    ),
    ReasonCode.PLATFORM_UNKNOWN: Phrase(
        "It is not known whether this line works with the platform needed: {asked}.",
        "On ne sait pas si cette ligne travaille avec la plateforme requise : {asked}.",
    ),
    ReasonCode.CONTAINMENT: Phrase(
        "Containment needed: {asked}; containment of this line: {offered}.",
        "Confinement requis : {asked} ; confinement de cette ligne : {offered}.",
    ),
    ReasonCode.CONTAINMENT_UNKNOWN: Phrase(
        "It is not known whether this line has the containment needed: {asked}.",
        "On ne sait pas si cette ligne offre le confinement requis : {asked}.",
    ),
    ReasonCode.VOLUME_TOO_SMALL: Phrase(
        "You ask for at least {asked} L; this line works at {offered} L.",
        "Vous demandez au moins {asked} L ; cette ligne travaille à {offered} L.",
    ),
    ReasonCode.VOLUME_TOO_LARGE: Phrase(
        "You ask for at most {asked} L; this line works at {offered} L.",
        "Vous demandez au plus {asked} L ; cette ligne travaille à {offered} L.",
    ),
    ReasonCode.VOLUME_UNKNOWN: Phrase(
        "You ask for {asked} L; the volume of this line is not known.",
        "Vous demandez {asked} L ; le volume de cette ligne n'est pas connu.",
    ),
    ReasonCode.YIELD_UNKNOWN: Phrase(
        "You ask for {asked}; the yield of this line is not known.",
        "Vous demandez {asked} ; le rendement de cette ligne n'est pas connu.",
    ),
    ReasonCode.YIELD_UNIT: Phrase(
        "You ask for {asked}; a batch of this line is stated as {offered}.",
        "Vous demandez {asked} ; un lot de cette ligne est exprimé en {offered}.",
    ),
    ReasonCode.COUNTRY: Phrase(
        "The site is in {offered}, and the request does not accept capacity outside France.",
        "Pays du site : {offered} ; la demande n'accepte pas de capacité hors de France.",
    ),
    ReasonCode.SITE_EXCLUDED: Phrase("You excluded the site {offered}.", "Vous avez exclu le site {offered}."),
    ReasonCode.FEASIBILITY_MISSING: Phrase(
        "The CDMO has not yet said whether this is feasible here.",
        "Le CDMO ne s'est pas encore prononcé sur la faisabilité.",
    ),
    ReasonCode.FEASIBILITY_EXPIRED: Phrase(
        "The CDMO's answer on feasibility held until {offered}.",
        "La réponse du CDMO sur la faisabilité valait jusqu'au {offered}.",
    ),
    ReasonCode.NOT_FEASIBLE: Phrase(
        "The CDMO says that this is not feasible here: {offered}.",
        "Le CDMO indique que ce n'est pas faisable ici : {offered}.",
    ),
    ReasonCode.TIME_TOO_SHORT: Phrase(
        "You leave {asked} days from the earliest start to the latest delivery; production and release take {offered}.",
        "Vous laissez {asked} jours entre le début et la livraison ; production et libération en prennent {offered}.",
    ),
    ReasonCode.TOO_LATE: Phrase(
        "Production would have had to start by {asked}; it is {offered}.",
        "La production aurait dû commencer le {asked} au plus tard ; nous sommes le {offered}.",
    ),
    ReasonCode.COMMISSIONING: Phrase(
        "Production must start by {asked}; this line enters service on {offered}.",
        "La production doit commencer le {asked} au plus tard ; cette ligne entre en service le {offered}.",
    ),
    ReasonCode.TRANSFER: Phrase(
        "Production must start by {asked}; technology transfer to this site lasts until {offered}.",
        "La production doit commencer le {asked} au plus tard ; le transfert vers ce site dure jusqu'au {offered}.",
    ),
    ReasonCode.NO_SLOT: Phrase(
        "No slot is published here in the period considered.",
        "Aucun créneau n'est publié ici sur la période considérée.",
    ),
    ReasonCode.RESERVED_FOR_STARTUPS: Phrase(
        "The slot is kept for French start-ups (released on: {offered}).",
        "Le créneau est réservé aux start-up françaises (libéré le : {offered}).",
    ),
    ReasonCode.RESERVED_FOR_CRISES: Phrase(
        "The slot is kept for health crises and is not lent.",
        "Le créneau est réservé aux crises sanitaires et n'est pas prêté.",
    ),
    ReasonCode.RECALLABLE_NOT_ACCEPTED: Phrase(
        "The slot is lent and can be recalled (days of notice: {offered}); the request does not accept that.",
        "Le créneau est prêté et peut être rappelé (jours de préavis : {offered}) ; la demande ne l'accepte pas.",
    ),
    ReasonCode.LENT_TOO_LONG: Phrase(
        "The campaign takes {asked} days; the slot is lent for {offered} at most.",
        "La campagne dure {asked} jours ; le créneau est prêté pour {offered} au plus.",
    ),
    ReasonCode.SLOT_TOO_SHORT: Phrase(
        "The campaign takes {asked} days; the slot has {offered}.",
        "La campagne dure {asked} jours ; le créneau en compte {offered}.",
    ),
    ReasonCode.SLOT_TOO_EARLY: Phrase(
        "The campaign cannot start before {asked}; the last start in the slot is {offered}.",
        "La campagne ne peut commencer avant le {asked} ; le dernier début dans le créneau est le {offered}.",
    ),
    ReasonCode.SLOT_TOO_LATE: Phrase(
        "Production must start by {asked} to deliver in time; the slot begins on {offered}.",
        "La production doit commencer le {asked} au plus tard ; le créneau débute le {offered}.",
    ),
    ReasonCode.SLOT_TAKEN: Phrase(
        "The campaign takes {asked} days; the longest free stretch at its dates has {offered}.",
        "La campagne dure {asked} jours ; la plus longue période libre à ces dates en compte {offered}.",
    ),
    ReasonCode.PRICE_UNKNOWN: Phrase(
        "No price is published for {asked} here.", "Aucun prix n'est publié ici pour {asked}."
    ),
    ReasonCode.OVER_BUDGET: Phrase(
        "Your budget is {asked}; the package costs {offered}.",
        "Votre budget est de {asked} ; l'ensemble coûte {offered}.",
    ),
}

CAUTIONS: dict[CautionCode, Phrase] = {
    CautionCode.GMP_CERTIFICATE_ENDS: Phrase(
        "The site's GMP certificate ends on {value}, before production does.",
        "Le certificat BPF du site expire le {value}, avant la fin de la production.",
    ),
    CautionCode.CONTINUITY_AT_RISK: Phrase(
        "The continuity of this site is at risk.", "La continuité de ce site est incertaine."
    ),
    CautionCode.ILLUSTRATIVE_FIGURES: Phrase(
        "Time, price or yield are illustrative: the CDMO has not declared them.",
        "Délai, prix ou rendement sont indicatifs : le CDMO ne les a pas déclarés.",
    ),
    CautionCode.REVIEW_PENDING: Phrase(
        "The CDMO will look at the product before it confirms.", "Le CDMO examinera le produit avant de confirmer."
    ),
    CautionCode.FEASIBLE_IF: Phrase("Feasible if: {value}.", "Faisable si : {value}."),
    CautionCode.RECALLABLE: Phrase(
        "The slot is lent from the crisis reserve and can be recalled (days of notice: {value}).",
        "Le créneau est prêté par la réserve de crise et peut être rappelé (jours de préavis : {value}).",
    ),
    CautionCode.TRANSFER_NOT_PRICED: Phrase(
        "Technology transfer takes {value} days; its price is not published and not included.",
        "Le transfert de technologie prend {value} jours ; son prix n'est pas publié et n'est pas compris.",
    ),
}


def _shown(value: Value, language: Language, names: Mapping[str, Phrase], *, money: bool = False) -> str:
    """Return one side as text: dates as year-month-day, cents as euros, lists with commas, codes by their names."""
    if isinstance(value, tuple):
        shown = [_shown(one, language, names) for one in value]
        return ", ".join(shown) or _in(NOTHING, language)
    if value is None:
        return _in(NOTHING, language)
    if money:
        euros = f"{int(str(value)) / 100:,.2f}"
        return f"{euros} EUR" if language == "en" else f"{euros.replace(',', ' ').replace('.', ',')} EUR"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, date):
        return value.isoformat()
    name = names.get(str(value))
    return str(value) if name is None else _in(name, language)


def _in(text: Phrase, language: Language) -> str:
    return text.fr if language == "fr" else text.en


def sentence(reason: Reason, language: Language = "en") -> str:
    """Return a reason as one plain sentence."""
    money, names = reason.code in MONEY, NAMES.get(reason.code, {})
    return _in(REASONS[reason.code], language).format(
        asked=_shown(reason.asked, language, names, money=money),
        offered=_shown(reason.offered, language, names, money=money),
    )


def caution_sentence(caution: Caution, language: Language = "en") -> str:
    """Return a caution as one plain sentence."""
    return _in(CAUTIONS[caution.code], language).format(value=_shown(caution.value, language, {}))
