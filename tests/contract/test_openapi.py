"""Whatever is sent by whatever role: no 5xx, no answer outside the description, and every refusal problem+json."""

import os
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.core.settings import Settings
from app.identity.models import Role
from app.main import create_app
from tests.contract.conftest import ROLE_OF, Service

pytestmark = pytest.mark.random

EXAMPLES = 40 if os.environ.get("CRENEAU_PROVE") else 2
ROLES = ("coordinator", "authority", "observer", "startup", "staged_startup", "cdmo", "staged_cdmo", "admin", "nobody")
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
UNTOLD = Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1/nothing"), log_level="CRITICAL")
"""Settings that are enough to describe the interface, and reach no database."""

schema = schemathesis.openapi.from_dict(create_app(UNTOLD).openapi())
OPERATIONS = {found.ok().label: found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)}


def _endless(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    """Tell whether an operation answers a stream that ends when a run does: the progress of runs has its own tests."""
    return operation.path.endswith(("/progress", "/events"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("label", [label for label, one in OPERATIONS.items() if not _endless(one)])
def test_an_operation_keeps_to_its_description_for_every_role(service: Service, label: str) -> None:
    operation = OPERATIONS[label]
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=not os.environ.get("CRENEAU_PROVE"),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, pick=st.integers(0, 4), real=st.booleans())
    def conforms(case: Case[Any], pick: int, real: bool) -> None:
        for role in ROLES:
            _check(service, case, role, pick if real else None)

    conforms()


def _check(service: Service, case: Case[Any], role: str, pick: int | None) -> None:
    """Send a case under a role, about something that exists if so picked, and compare the answer with the schema."""
    headers = {"If-Match": "*", "Idempotency-Key": uuid4().hex}
    if role != "nobody":
        headers["Authorization"] = f"Bearer {service.keys[role]}"
    if pick is not None:
        case.path_parameters = {**case.path_parameters, **_existing(service, case, role, pick)}
    answer = case.call(base_url=service.url, headers=headers, timeout=30, allow_redirects=False)
    assert answer.status_code < 500 or case.path == "/readyz", f"{role}: {answer.status_code} {answer.text}"
    case.validate_response(answer, checks=CHECKS)
    if answer.status_code >= 400 and case.method != "HEAD":
        assert answer.headers["content-type"] == ["application/problem+json"], f"{role}: {answer.text}"


def _existing(service: Service, case: Case[Any], role: str, pick: int) -> dict[str, str]:
    known = service.known.get(role) or service.known["coordinator"]
    found: dict[str, str] = {}
    for name in case.path_parameters:
        identifiers = known.get(name) or service.known["coordinator"].get(name) or []
        if identifiers:
            found[name] = identifiers[pick % len(identifiers)]
    return found


def test_every_role_there_is_has_its_turn(service: Service) -> None:
    assert {ROLE_OF[name] for name in ROLES if name != "nobody"} == set(Role)
    assert {*ROLES} - {"nobody"} <= service.keys.keys()


def test_there_is_something_of_every_kind(service: Service) -> None:
    named = {name for path in schema.raw_schema["paths"] for name in re.findall(r"{(\w+)}", path)}
    known = service.known["coordinator"]
    assert {name for name in named if not known.get(name)} == set()


def test_the_description_covers_the_interface(service: Service) -> None:
    served = httpx.get(f"{service.url}/openapi.json", timeout=30, trust_env=False).json()
    assert served == schema.raw_schema
    assert {path.split("/")[2] for path in served["paths"] if path.startswith("/v1/")} >= {
        "slots",
        "bookings",
        "crises",
    }
