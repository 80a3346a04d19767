"""How a letter is put: greeting, what it is about, and where to sign in, in the reader's language or in both.

Pure.
"""

from collections.abc import Sequence
from typing import NamedTuple

from app.core.vocabulary import Language

RULE = "\n\n--\n\n"
"""Between the two languages."""


class Bilingual(NamedTuple):
    """A text in two languages."""

    en: str
    fr: str

    def said(self, language: Language) -> str:
        """Return it in one of them."""
        return self.fr if language is Language.FR else self.en


class Content(NamedTuple):
    """What a letter says.

    Attributes
    ----------
    asks
        Whether there is something to answer.
    """

    subject: Bilingual
    paragraphs: Sequence[Bilingual]
    asks: bool


class Reader(NamedTuple):
    """Whom a letter is for; without a language, they read both."""

    name: str
    organisation: str
    language: Language | None


_FRAME = Bilingual(
    "Hello {name},\n\n{text}\n\n{sign_in}: {here}/sign-in\n\nThis goes to everybody who acts for {organisation} in"
    " Créneau.",
    "Bonjour {name},\n\n{text}\n\n{sign_in} : {here}/sign-in\n\nCe message est adressé à chaque personne qui agit pour"
    " {organisation} dans Créneau.",
)
_TO_ANSWER = Bilingual("To answer, sign in", "Pour répondre, connectez-vous")
_TO_READ = Bilingual("Sign in", "Se connecter")
BOTH = (Language.FR, Language.EN)


def subject_of(content: Content, reader: Reader) -> str:
    """Return the subject, which fits into one line whatever titles and names it holds."""
    told = " / ".join(content.subject.said(language) for language in _languages(reader))
    return " ".join(f"Créneau : {told}".split())


def text_of(content: Content, reader: Reader, here: str) -> str:
    """Return the text; `here` is the address of the service."""
    return RULE.join(_text(content, reader, here, language) for language in _languages(reader))


def _languages(reader: Reader) -> Sequence[Language]:
    return BOTH if reader.language is None else (reader.language,)


def _text(content: Content, reader: Reader, here: str, language: Language) -> str:
    return _FRAME.said(language).format(
        name=reader.name,
        organisation=reader.organisation,
        text="\n\n".join(paragraph.said(language) for paragraph in content.paragraphs),
        sign_in=(_TO_ANSWER if content.asks else _TO_READ).said(language),
        here=here,
    )
