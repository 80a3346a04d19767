"""What a command says of an environment that it cannot use."""

import pytest

from app.commands.failure import CommandFailed, read_settings


def refused(monkeypatch: pytest.MonkeyPatch, **given: str) -> str:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CommandFailed) as failed:
        read_settings()
    return str(failed.value)


def test_what_does_not_fit_together_is_said_in_our_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refused(monkeypatch, SMTP_URL="smtp://mail.example.org", MAIL_FROM="creneau@example.org")
    assert said == (
        "the environment cannot be used: PUBLIC_URL must be the address of the service by https, or on localhost, to"
        " sign in there"
    )


def test_each_variable_that_is_wrong_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refused(monkeypatch, SMTP_URL="http://u:open-sesame@mail.example.org", HOLD_MINUTES="0")
    assert said.startswith("the environment cannot be used: ")
    assert "SMTP_URL: must be smtp://user:password@host:587" in said
    assert "HOLD_MINUTES: Input should be greater than or equal to 1" in said
    assert "open-sesame" not in said
