"""What tests of keys and of people share."""

import pytest

from app.identity import known_keys


@pytest.fixture
def untrusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for each key at each request: what trust does is another test's."""
    monkeypatch.setattr(known_keys, "TRUSTED_SECONDS", 0.0)
