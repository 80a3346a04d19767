"""A letter is put in the language of its reader, or in both, and takes names and titles as they are."""

import pytest

from app.core.vocabulary import Language
from app.letters.wording import RULE, Bilingual, Content, Reader, subject_of, text_of

HERE = "https://creneau.example.org"
CONTENT = Content(
    Bilingual("a place\r\nBcc: all@example.org", "une place {name}"),
    [Bilingual("First {text}.", "Un {here}."), Bilingual("Second.", "Deux.")],
    "/v1/offers/1",
)


def reader(language: Language | None) -> Reader:
    return Reader("Zoé {path}", "Maker {0}", language)


@pytest.mark.parametrize("language", list(Language))
def test_who_has_told_a_language_reads_that_alone(language: Language) -> None:
    text = text_of(CONTENT, reader(language), HERE)
    assert RULE not in text
    assert (text.startswith("Hello Zoé {path},"), "First {text}.\n\nSecond." in text) == (language is Language.EN,) * 2
    assert (text.startswith("Bonjour Zoé {path},"), "Un {here}.\n\nDeux." in text) == (language is Language.FR,) * 2
    assert text.count(HERE) == 2
    assert f"{HERE}/v1/offers/1\n" in text
    assert "Maker {0}" in text


def test_others_read_both() -> None:
    french, english = (text_of(CONTENT, reader(one), HERE) for one in (Language.FR, Language.EN))
    assert text_of(CONTENT, reader(None), HERE) == f"{french}{RULE}{english}"
    assert subject_of(CONTENT, reader(None)) == "Créneau : une place {name} / a place Bcc: all@example.org"


def test_a_subject_is_one_line() -> None:
    assert subject_of(CONTENT, reader(Language.EN)) == "Créneau : a place Bcc: all@example.org"
