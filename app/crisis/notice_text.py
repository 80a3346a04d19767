"""Notices as texts in English and in French, made from their facts when they are read.

Pure. A period is told by its first and its last day, an instant as the clocks at the sites show it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from app.core.spelling import day_in_words, euros_in_words, instant_in_words
from app.crisis.notice_models import NoticeKind
from app.crisis.notice_wording import ACTS, ANSWERS, NOTICES, REASONS, SILENCE, Sentence

CODED = {"act.kind": ACTS, "answer": ANSWERS, "silence": SILENCE}
FIELD = re.compile(r"{([a-z_.]+)}")


def notice_text(
    kind: NoticeKind, facts: Mapping[str, Any], reason_code: str | None, respond_by_at: datetime | None
) -> Sentence:
    """Return a notice as a text in each language."""
    english, french = (_text(kind, facts, reason_code, respond_by_at, french=one) for one in (False, True))
    return Sentence(english, french)


def _text(
    kind: NoticeKind,
    facts: Mapping[str, Any],
    reason_code: str | None,
    respond_by_at: datetime | None,
    *,
    french: bool,
) -> str:
    words = dict(_words(facts, french=french))
    if reason_code is not None:
        known = REASONS.get(reason_code)
        words["reason"] = _in(known, french=french) if known else reason_code
    if respond_by_at is not None:
        words["respond_by_at"] = instant_in_words(respond_by_at, french=french)
    said = [one for one in NOTICES[kind] if one.needs is None or one.needs in words]
    return " ".join(filter(None, (_filled(_in(sentence, french=french), words) for sentence in said)))


def _in(sentence: Sentence, *, french: bool) -> str:
    return sentence.fr if french else sentence.en


def _filled(template: str, words: Mapping[str, str]) -> str:
    names = FIELD.findall(template)
    return FIELD.sub(lambda found: words[found[1]], template) if all(name in words for name in names) else ""


def _words(facts: Mapping[str, Any], *, french: bool, path: str = "") -> Iterable[tuple[str, str]]:
    """Yield each fact by its path, as words; what is not there has none."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _words(value, french=french, path=f"{path}{name}.")
        elif value is not None and value is not False:
            yield f"{path}{name}", _word(f"{path}{name}", value, french=french)


def _word(path: str, value: object, *, french: bool) -> str:
    if path in CODED:
        return _in(CODED[path][str(value)], french=french)
    name = path.rpartition(".")[2]
    if name == "end":
        return day_in_words(date.fromisoformat(str(value)) - timedelta(days=1), french=french)
    if name == "start" or name.endswith("_on"):
        return day_in_words(date.fromisoformat(str(value)), french=french)
    if name.endswith("_cents") and isinstance(value, int):
        return euros_in_words(value, french=french)
    return str(value)
