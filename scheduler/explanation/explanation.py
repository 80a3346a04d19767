"""An explanation: its statements, rendered for the reader that it is meant for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from scheduler.explanation.confidence import withheld
from scheduler.explanation.rendering import Renderer
from scheduler.explanation.statements import Statement, Who
from scheduler.explanation.wording import LANGUAGES
from scheduler.fields import decode, encode, require

FORMAT = "creneau-explanation/1"

Labels = Mapping[str, str | None]
"""The name to show for an identifier; None withholds it. What is not in it shows as its identifier."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one demand or booking is where it is, or nowhere.

    Days count from `origin`; periods are half-open. `seconds` is the time it took.
    """

    origin: date
    subject: Who
    statements: tuple[Statement, ...]
    seconds: float = 0.0

    @classmethod
    def from_json(cls, text: str | bytes) -> Explanation:
        """Read an explanation file.

        Raises
        ------
        FieldError
            The file is malformed; the error names the path of the field and the rule.
        """
        return decode(cls, text, FORMAT)

    def to_json(self) -> str:
        """Write an explanation file; reading it back gives an equal explanation."""
        return encode(self, FORMAT)

    def rendered(self, labels: Labels | None = None, *, party: str | None = None) -> Explanation:
        """Return the explanation with a sentence in each language beside every statement's data.

        Parameters
        ----------
        labels : mapping, optional
            Names to show instead of identifiers of demands, bookings and windows; with None in place of a name, the
            identifier is taken out of the data too, and the sentence says "another request".
        party : str, optional
            The reader: whoever belongs to any other party is shown by weight alone, without days or prices.

        Raises
        ------
        FieldError
            The subject belongs to another party than the reader.
        """
        require(party is None or self.subject.party == party, "party", "is not that of the subject")
        shown = labels or {}
        hidden = frozenset(name for name, label in shown.items() if label is None)
        statements = tuple(withheld(statement, hidden, party) for statement in self.statements)
        renderers = {language: Renderer(language, self.origin, shown) for language in LANGUAGES}
        return replace(
            self,
            statements=tuple(
                replace(one, text={name: renderer.sentence(one) for name, renderer in renderers.items()})
                for one in statements
            ),
        )

    def document(self, labels: Labels | None = None, *, party: str | None = None) -> dict[str, Any]:
        """Return the rendered explanation as plain JSON data; see `rendered`."""
        document: dict[str, Any] = json.loads(self.rendered(labels, party=party).to_json())
        return document

    def text(self, language: str, labels: Labels | None = None, *, party: str | None = None) -> str:
        """Return the sentences in one language, one a line; see `rendered`.

        Raises
        ------
        FieldError
            The language is not known, or the subject belongs to another party than the reader.
        """
        require(language in LANGUAGES, "language", f"must be one of {', '.join(LANGUAGES)}")
        return "\n".join(one.text[language] for one in self.rendered(labels, party=party).statements)
