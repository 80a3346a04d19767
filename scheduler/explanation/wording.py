"""The sentences of explanations by language: the same keys in each, checked by a test.

``.one`` and ``.many`` are chosen by a number: in English one is 1, in French it is 0 and 1.
"""

from __future__ import annotations

from scheduler.explanation.wording_en import ENGLISH
from scheduler.explanation.wording_fr import FRENCH

LANGUAGES = ("en", "fr")
TEMPLATES = {"en": ENGLISH, "fr": FRENCH}


def is_one(language: str, number: float) -> bool:
    """Say whether the language puts the number in the singular."""
    return abs(number) < 2 if language == "fr" else number == 1
