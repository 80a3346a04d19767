"""What pages say, in English and in French."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.core.vocabulary import Language
from app.identity.models import Role

Words = Mapping[str, Any]


class Told(NamedTuple):
    """A refusal as a page tells it."""

    title: str
    detail: str


_EN: Words = {
    "account": "Your account",
    "device": "Browser",
    "email": "Mail address",
    "end": "End",
    "end_that": "End the session in {0}",
    "invited_as": "{0}, you are invited to act for {2} with the address {1}.",
    "known_as": "You are about to sign in as {0} ({1}), of {2}.",
    "last_seen": "Last seen",
    "look_at_mail": "Look at your mail",
    "name": "Name",
    "no_way_in": "Nobody can sign in here yet: neither mail nor an issuer of identities is set up. Keys work as ever.",
    "not_an_address": "Write an address of mail, such as a.martin@example.org.",
    "not_you": "If that is not you, close this page: nothing happens.",
    "organisation": "Organisation",
    "other_address": "Ask again, or for another address",
    "role": "Role",
    "roles": {
        Role.STARTUP_MEMBER.value: "member of a start-up",
        Role.CDMO_PLANNER.value: "planner of a maker",
        Role.COORDINATOR.value: "coordinator",
        Role.AUTHORITY.value: "authority",
        Role.OBSERVER.value: "observer",
        Role.ADMIN.value: "administrator",
    },
    "send_link": "Send me a link",
    "sent": (
        "If somebody here has this address, a link is on its way to it. It works once, within {0} minutes. If nothing "
        "comes, look among unwanted mail, or ask your organisation to invite you."
    ),
    "sessions": "Where you are signed in",
    "sign_in": "Sign in",
    "sign_in_at": "Sign in with {0}",
    "sign_out": "Sign out",
    "sign_out_everywhere": "Sign out everywhere",
    "since": "Since",
    "this_one": "this one",
}

_FR: Words = {
    "account": "Votre compte",
    "device": "Navigateur",
    "email": "Adresse électronique",
    "end": "Fermer",
    "end_that": "Fermer la session de {0}",
    "invited_as": "{0}, vous êtes invité(e) à agir pour {2} avec l’adresse {1}.",
    "known_as": "Vous allez vous connecter en tant que {0} ({1}), de {2}.",
    "last_seen": "Dernière activité",
    "look_at_mail": "Consultez votre messagerie",
    "name": "Nom",
    "no_way_in": (
        "Personne ne peut encore se connecter ici : ni messagerie ni fournisseur d’identité ne sont configurés. Les "
        "clés fonctionnent."
    ),
    "not_an_address": "Saisissez une adresse électronique, par exemple a.martin@example.org.",
    "not_you": "Si ce n’est pas vous, fermez cette page : rien ne se passe.",
    "organisation": "Organisation",
    "other_address": "Demander un autre lien, ou pour une autre adresse",
    "role": "Rôle",
    "roles": {
        Role.STARTUP_MEMBER.value: "membre d’une start-up",
        Role.CDMO_PLANNER.value: "planification d’un façonnier",
        Role.COORDINATOR.value: "coordination",
        Role.AUTHORITY.value: "autorité",
        Role.OBSERVER.value: "observation",
        Role.ADMIN.value: "administration",
    },
    "send_link": "Recevoir un lien",
    "sent": (
        "Si quelqu’un a cette adresse ici, un lien vient de lui être envoyé. Il ne sert qu’une fois, dans les {0} "
        "minutes. Si rien n’arrive, regardez parmi les indésirables, ou demandez une invitation à votre organisation."
    ),
    "sessions": "Où vous êtes connecté(e)",
    "sign_in": "Se connecter",
    "sign_in_at": "Se connecter avec {0}",
    "sign_out": "Se déconnecter",
    "sign_out_everywhere": "Se déconnecter partout",
    "since": "Depuis",
    "this_one": "celle-ci",
}

WORDS: Mapping[Language, Words] = {Language.EN: _EN, Language.FR: _FR}

_REFUSED_FR: Mapping[str, Told] = {
    "cross-site-request": Told(
        "La page a vieilli", "Elle ne vient pas de cette session : revenez en arrière, rechargez-la et recommencez."
    ),
    "issuer-unavailable": Told(
        "Le fournisseur d’identité ne répond pas", "Réessayez dans un instant, ou demandez un lien par messagerie."
    ),
    "link-spent": Told("Ce lien n’ouvre plus rien", "Il a déjà servi, ou il a expiré : demandez-en un nouveau."),
    "not-found": Told("Introuvable", "Il n’y a rien à cette adresse."),
    "not-invited": Told(
        "Cette adresse est inconnue ici", "Demandez à votre organisation de vous y inviter, avec cette adresse."
    ),
    "person-deactivated": Told(
        "Vous ne pouvez plus vous connecter", "Demandez à votre organisation de vous laisser revenir."
    ),
    "sign-in-refused": Told("La connexion n’a pas abouti", "Recommencez depuis le début."),
    "too-many-links": Told("Trop de liens ont été demandés", "Utilisez le plus récent, ou attendez un quart d’heure."),
}
_OTHERWISE_FR = Told("La demande n’a pas pu aboutir", "Réessayez dans un instant.")


def refusal_in(language: Language, problem: str, told: Told) -> Told:
    """Return a refusal in a language; `told` is what it says in English."""
    return told if language is Language.EN else _REFUSED_FR.get(problem, _OTHERWISE_FR)
