"""The words of the report of a crisis, in English and in French."""

from collections.abc import Mapping
from datetime import date, datetime

from app.core.clock import SITE_ZONE
from app.crisis.reason_wording import REASONS
from app.crisis.report_schemas import ReportLanguage

Words = Mapping[str, str]

ENGLISH: Words = {
    "crisis": "Crisis report",
    "drill": "Drill report",
    "status": "Status",
    "validity": "Valid",
    "countermeasure": "Countermeasure",
    "made": "As of",
    "reason": "Reason",
    "powers": "Powers and acts",
    "kind": "Kind",
    "act": "Act",
    "signatory": "Signatory",
    "scope": "Scope",
    "everywhere": "everywhere",
    "from": "From",
    "until": "Until",
    "doses": "Doses against targets",
    "by": "By",
    "wanted": "Wanted",
    "planned": "Planned",
    "accepted": "Accepted",
    "delivered": "Delivered",
    "plans": "Plans and signatures",
    "hash": "Hash",
    "intact": "as signed",
    "altered": "ALTERED",
    "range": "Doses (low / expected / high)",
    "campaigns": "Campaigns",
    "displacements": "Displacements",
    "cost": "Cost",
    "signed_by": "Signed by",
    "nobody": "nobody",
    "orders": "Orders",
    "cdmo": "Manufacturer",
    "place": "Place",
    "batches": "Batches",
    "amount": "Doses",
    "price": "Price",
    "displaced": "Lots that gave way",
    "owner": "Owner",
    "ground": "On what ground",
    "to": "Moved to",
    "compensation": "Compensation",
    "offered_back": "Offered back",
    "became": "The lot by now",
    "none": "none",
    "ledger": "Ledger",
    "organisation": "Organisation",
    "for_orders": "Orders",
    "for_compensation": "Compensations",
    "balance": "Pays (+) or receives (-)",
    "balanced": "The ledger adds up to the cent.",
    "unbalanced": "The ledger does NOT add up:",
    "closed": "Closed with the crisis:",
    "open": "The ledger is not closed yet.",
    "total": "Total",
    "timeline": "Timeline",
    "at": "At",
    "step": "Step",
    "who": "By",
    "service": "the service",
    "nothing": "Nothing.",
}
FRENCH: Words = {
    "crisis": "Rapport de crise",
    "drill": "Rapport d'exercice",
    "status": "État",
    "validity": "Validité",
    "countermeasure": "Contre-mesure",
    "made": "Établi le",
    "reason": "Motif",
    "powers": "Fondements et actes",
    "kind": "Nature",
    "act": "Acte",
    "signatory": "Signataire",
    "scope": "Périmètre",
    "everywhere": "sans limite",
    "from": "Du",
    "until": "Au",
    "doses": "Doses au regard des objectifs",
    "by": "Au",
    "wanted": "Objectif",
    "planned": "Planifié",
    "accepted": "Accepté",
    "delivered": "Livré",
    "plans": "Plans et signatures",
    "hash": "Empreinte",
    "intact": "tel que signé",
    "altered": "ALTÉRÉ",
    "range": "Doses (bas / attendu / haut)",
    "campaigns": "Campagnes",
    "displacements": "Déplacements",
    "cost": "Coût",
    "signed_by": "Signé par",
    "nobody": "personne",
    "orders": "Ordres",
    "cdmo": "Façonnier",
    "place": "Lieu",
    "batches": "Lots",
    "amount": "Doses",
    "price": "Prix",
    "displaced": "Lots qui ont laissé la place",
    "owner": "Propriétaire",
    "ground": "Fondement",
    "to": "Déplacé à",
    "compensation": "Indemnité",
    "offered_back": "Place rendue",
    "became": "Le lot aujourd'hui",
    "none": "aucun",
    "ledger": "Comptes",
    "organisation": "Organisation",
    "for_orders": "Ordres",
    "for_compensation": "Indemnités",
    "balance": "Paie (+) ou reçoit (-)",
    "balanced": "Les comptes sont équilibrés au centime.",
    "unbalanced": "Les comptes ne sont PAS équilibrés :",
    "closed": "Arrêtés à la fin de la crise :",
    "open": "Les comptes ne sont pas encore arrêtés.",
    "total": "Total",
    "timeline": "Chronologie",
    "at": "Le",
    "step": "Étape",
    "who": "Par",
    "service": "le service",
    "nothing": "Rien.",
}
CODES: Mapping[str, tuple[str, str]] = {
    "declared": ("declared", "déclarée"),
    "planned": ("planned", "planifiée"),
    "signed": ("signed", "signée"),
    "active": ("active", "active"),
    "stood_down": ("stood down", "levée"),
    "expired": ("expired", "expirée"),
    "proposed": ("proposed", "proposé"),
    "activated": ("activated", "activé"),
    "superseded": ("superseded", "remplacé"),
    "issued": ("issued", "émis"),
    "accepted": ("accepted", "accepté"),
    "countered": ("countered", "contre-proposition"),
    "withdrawn": ("withdrawn", "désistement"),
    "released": ("released", "libéré"),
    "completed": ("completed", "achevé"),
    "moved": ("moved", "déplacé"),
    "displaced": ("displaced", "évincé"),
    "pending": ("pending", "en attente"),
    "effective": ("effective", "effectif"),
    "dropped": ("dropped", "sans suite"),
    "waiting": ("waiting", "en attente"),
    "offered": ("offered", "proposée"),
    "declined": ("declined", "refusée"),
    "unavailable": ("unavailable", "indisponible"),
    "confirmed": ("confirmed", "confirmé"),
    "held": ("held", "réservé"),
    "awaiting_cdmo": ("awaiting its manufacturer", "en attente du façonnier"),
    "in_production": ("in production", "en production"),
    "failed": ("failed", "échoué"),
    "cancelled": ("cancelled", "annulé"),
    "reserve_contract": ("reserve contract", "contrat de réserve"),
    "voluntary": ("voluntary agreement", "accord volontaire"),
    "requisition_or_order": ("requisition or order of the State", "réquisition ou ordre de l'État"),
    "exercise": ("exercise", "exercice"),
    "coordinator": ("coordinator", "coordinateur"),
    "authority": ("authority", "autorité"),
    "crisis.declared": ("Crisis declared, or back in planning", "Crise déclarée, ou à replanifier"),
    "crisis.updated": ("Declaration changed", "Déclaration modifiée"),
    "crisis.planned": ("Crisis planned", "Crise planifiée"),
    "crisis.signed": ("Crisis signed", "Crise signée"),
    "crisis.active": ("Crisis activated", "Crise activée"),
    "crisis.amended": ("Amendment in force", "Avenant en vigueur"),
    "crisis.renewed": ("Crisis renewed", "Crise prolongée"),
    "crisis.expires_soon": ("Warned of its end", "Avis d'échéance"),
    "crisis.ledger_closed": ("Ledger closed", "Comptes arrêtés"),
    "crisis.stood_down": ("Crisis stood down", "Crise levée"),
    "crisis.expired": ("Crisis expired", "Crise expirée"),
    "crisis_power.declared": ("Power declared", "Fondement déclaré"),
    "crisis_power.renewed": ("Power renewed", "Fondement prolongé"),
    "crisis_power.withdrawn": ("Power withdrawn", "Fondement retiré"),
    "crisis_plan.proposed": ("Plan proposed", "Plan proposé"),
    "crisis_plan.explained": ("Grounds of a plan worked out", "Motifs d'un plan établis"),
    "crisis_plan.signature": ("Plan signed by one", "Signature d'un plan"),
    "crisis_plan.signed": ("Plan signed by both", "Plan signé par les deux"),
    "crisis_plan.activated": ("Plan activated", "Plan activé"),
    "crisis_plan.superseded": ("Plan superseded", "Plan remplacé"),
    "crisis_order.issued": ("Order issued", "Ordre émis"),
    "crisis_order.accepted": ("Order accepted", "Ordre accepté"),
    "crisis_order.countered": ("Order countered", "Contre-proposition à un ordre"),
    "crisis_order.released": ("Order released", "Ordre libéré"),
    "crisis_order.reminded": ("Manufacturer reminded", "Rappel au façonnier"),
    "crisis_order.escalated": ("Silence escalated", "Silence signalé"),
    "crisis_order.withdrawn": ("Manufacturer withdrawn", "Désistement du façonnier"),
    "crisis_order.answer_played": ("Answer played in a drill", "Réponse jouée en exercice"),
    "crisis_order.completed": ("Order completed", "Ordre achevé"),
    "crisis_order.failed": ("Campaign failed", "Campagne en échec"),
    "crisis_notice.sent": ("Notice given", "Avis donné"),
    "displacement.pending": ("A lot is to give way", "Un lot doit laisser la place"),
    "displacement.effective": ("A lot has given way", "Un lot a laissé la place"),
    "displacement.dropped": ("A lot keeps its place", "Un lot garde sa place"),
    "displacement.passed_on": (
        "A lot is to give way to another order",
        "Un lot doit laisser la place à un autre ordre",
    ),
    "displacement.owner_reminded": ("Owner reminded of its place", "Rappel au titulaire de sa place"),
    "displacement.place_accepted": ("New place taken", "Nouvelle place prise"),
    "displacement.place_declined": ("New place declined", "Nouvelle place refusée"),
    "displacement.place_lapsed": ("New place not answered for", "Nouvelle place restée sans réponse"),
    "restoration.waiting": ("A place is to be offered back", "Une place est à rendre"),
    "restoration.offered": ("A place is offered back", "Une place est proposée en retour"),
    "restoration.accepted": ("A place is taken back", "Une place est reprise"),
    "restoration.declined": ("A place is not taken back", "Une place n'est pas reprise"),
    "restoration.expired": ("An offer was not answered", "Une proposition est restée sans réponse"),
    "restoration.unavailable": ("A place cannot be given back", "Une place ne peut être rendue"),
}
"""Statuses, kinds and steps in words, English and French; another one is told as it is."""


def words_of(language: ReportLanguage) -> Words:
    """Return the headings in a language."""
    return FRENCH if language is ReportLanguage.FRENCH else ENGLISH


def told(code: str | None, language: ReportLanguage) -> str:
    """Return a status, a kind or a step in words, or as it is where it has none; an empty text for None."""
    return _in(CODES, code, language)


def reason_told(code: str | None, language: ReportLanguage) -> str:
    """Return why something was done in words, or its code where it has none; an empty text for None."""
    return _in(REASONS, code, language)


def _in(words: Mapping[str, tuple[str, str]], code: str | None, language: ReportLanguage) -> str:
    if code is None:
        return ""
    english, french = words.get(code, (code, code))
    return french if language is ReportLanguage.FRENCH else english


def euros(cents: int, language: ReportLanguage) -> str:
    """Return an amount to the cent."""
    whole, rest = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    if language is ReportLanguage.FRENCH:
        return f"{sign}{whole:,}".replace(",", "\u202f") + f",{rest:02d}\u00a0€"
    return f"{sign}€{whole:,}.{rest:02d}"


def number(value: int | None, language: ReportLanguage) -> str:
    """Return a number with its thousands apart."""
    if value is None:
        return "-"
    return f"{value:,}".replace(",", "\u202f") if language is ReportLanguage.FRENCH else f"{value:,}"


def day(on: date | None) -> str:
    """Return a day, as ISO has it in both languages."""
    return "-" if on is None else on.isoformat()


def moment(at: datetime) -> str:
    """Return an instant as the clocks at the sites show it."""
    return f"{at.astimezone(SITE_ZONE):%Y-%m-%d %H:%M}"
