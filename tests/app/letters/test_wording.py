"""A letter is put in the language of its reader, or in both, and takes names and titles as they are."""

import pytest

from app.core.vocabulary import Language
from app.letters.wording import RULE, Bilingual, Content, Reader, subject_of, text_of

HERE = "https://creneau.example.org"
CONTENT = Content(
    Bilingual("a place\r\nBcc: all@example.org", "une place {name}"),
    [Bilingual("First {text}.", "Un {here}."), Bilingual("Second.", "Deux.")],
    asks=True,
)


def reader(language: Language | None) -> Reader:
    return Reader("Zoé {path}", "Maker {0}", language)


@pytest.mark.parametrize("language", list(Language))
def test_who_has_told_a_language_reads_that_alone(language: Language) -> None:
    text = text_of(CONTENT, reader(language), HERE)
    assert RULE not in text
    assert (text.startswith("Hello Zoé {path},"), "First {text}.\n\nSecond." in text) == (language is Language.EN,) * 2
    assert (text.startswith("Bonjour Zoé {path},"), "Un {here}.\n\nDeux." in text) == (language is Language.FR,) * 2
    assert text.count(HERE) == 1
    assert ("To answer, sign in: " in text, "Pour répondre, " in text) == (
        language is Language.EN,
        language is Language.FR,
    )
    assert "Maker {0}" in text


def test_where_nothing_is_asked_nobody_is_to_answer() -> None:
    text = text_of(CONTENT._replace(asks=False), reader(None), HERE)
    assert (f"\nSign in: {HERE}/sign-in\n" in text, f"\nSe connecter : {HERE}/sign-in\n" in text) == (True, True)
    assert ("To answer" in text, "Pour répondre" in text) == (False, False)


def test_others_read_both() -> None:
    french, english = (text_of(CONTENT, reader(one), HERE) for one in (Language.FR, Language.EN))
    assert text_of(CONTENT, reader(None), HERE) == f"{french}{RULE}{english}"
    assert subject_of(CONTENT, reader(None)) == "Créneau : une place {name} / a place Bcc: all@example.org"


def test_a_subject_is_one_line() -> None:
    assert subject_of(CONTENT, reader(Language.EN)) == "Créneau : a place Bcc: all@example.org"
