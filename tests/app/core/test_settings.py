"""Settings that would make an unsafe service are refused before it starts."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.core.settings import Settings

SOUND: dict[str, Any] = {
    "jwt_issuer": "https://issuer.example.org/realms/health",
    "jwt_audience": "https://creneau.example.org",
}


def test_lists_are_written_between_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SOUND.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("JWT_ALGORITHMS", "RS256, Ed25519")
    monkeypatch.setenv("JWT_TYPES", "at+jwt,jwt")
    made = Settings()
    assert (made.jwt_algorithms, made.jwt_types) == (("RS256", "Ed25519"), ("at+jwt", "jwt"))
    assert made.jwt_issuer == SOUND["jwt_issuer"]


@pytest.mark.parametrize(
    "given",
    [
        {"jwt_audience": None},
        {"jwt_issuer": None},
        {"jwt_issuer": "http://issuer.example.org"},
        {"jwt_issuer": "https://user@issuer.example.org"},
        {"jwt_issuer": "issuer"},
        {"jwt_jwks_url": "http://issuer.example.org/keys"},
        {"jwt_algorithms": "HS256"},
        {"jwt_algorithms": "RS256,none"},
        {"jwt_algorithms": ","},
        {"jwt_types": ","},
        {"jwt_leeway_s": 301},
    ],
)
def test_what_would_accept_anybodys_tokens_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**{**SOUND, **given})


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_an_issuer_on_this_machine_may_do_without_tls(host: str) -> None:
    assert Settings(**{**SOUND, "jwt_issuer": f"http://{host}:8080"}).jwt_issuer
