"""The headings of a certificate's tables, in English and in French."""

from __future__ import annotations

from scheduler.certificate.report import FAILS, HOLDS, NOT_CHECKED, Text

VERDICTS = {
    HOLDS: Text("holds", "vérifiée"),
    FAILS: Text("fails", "en défaut"),
    NOT_CHECKED: Text("not checked", "non vérifiée"),
}
HEADINGS = {
    "title": Text("Certificate of fairness", "Certificat d'équité"),
    "property": Text("property", "propriété"),
    "verdict": Text("verdict", "verdict"),
    "what": Text("what was found, and what it means", "constat et portée"),
    "method": Text("Method:", "Méthode :"),
    "not_covered": Text("Not covered:", "Non couvert :"),
    "more": Text("and more, in the file:", "et d'autres, dans le fichier :"),
    "levels": Text("Levels", "Niveaux"),
    "objective": Text("objective", "objectif"),
    "value": Text("value", "valeur"),
    "bound": Text("bound", "borne"),
    "trivial": Text("trivial bound", "borne triviale"),
    "gap": Text("gap", "écart"),
    "proven": Text("proven", "prouvé"),
    "yes": Text("yes", "oui"),
    "no": Text("no", "non"),
    "tier": Text("Outcome by tier", "Résultat par rang de priorité"),
    "region": Text("Outcome by region", "Résultat par région"),
    "size": Text("Outcome by size of organisation", "Résultat par taille d'organisation"),
    "not_given": Text(": not given", " : non fourni"),
    "group": Text("group", "groupe"),
    "parties": Text("organisations served", "organisations servies"),
    "demands": Text("demands", "demandes"),
    "eligible": Text("with an option", "avec option"),
    "placed": Text("placed", "placées"),
    "weight": Text("weight served", "poids servi"),
    "delay": Text("median delay, days", "retard médian, jours"),
}
