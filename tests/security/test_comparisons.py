"""No secret is compared letter by letter: how long that takes would tell how much of a guess is right."""

import ast
import re
from collections.abc import Iterator

import pytest

from app.core.health import REPOSITORY

SECRET = re.compile(r"secret|token|passw|otp|nonce|csrf|credential|verifier|sha256", re.IGNORECASE)
"""What a name says that stands for a secret, or for what proves that one is known."""
NOT_SECRET = {
    "plan.plan_sha256 != row.plan_sha256": "digests of plans, which their readers see",
    "found.request_sha256 != wanted.request_sha256": "digests of requests, compared with the sender's own",
    "secret in self.known": "a digest, looked up by its hash: no guess can be made better piece by piece",
    "secret.strip().casefold() in KNOWN": "the list is public, and the secret is this process's own",
}
"""Comparisons that are no proof of anything, and why."""


def comparisons(source: str) -> Iterator[str]:
    """Give each comparison for sameness in which a name speaks of a secret, but none with what stands in the code."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(one, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)) for one in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) or _is_sql(side) for side in sides):
            continue
        if any(SECRET.search(name) for side in sides for name in _last_names(side)):
            yield ast.unparse(node)


def _is_sql(side: ast.expr) -> bool:
    """Tell whether PostgreSQL compares: what it looks up are digests of secrets, which cannot be guessed by pieces."""
    return isinstance(side, ast.Call) and isinstance(side.func, ast.Name) and side.func.id == "col"


def _last_names(side: ast.expr) -> Iterator[str]:
    """Give what the two sides of a comparison are called, and what is called for them."""
    for node in ast.walk(side):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def test_no_secret_is_compared_letter_by_letter() -> None:
    found = {
        f"{path.relative_to(REPOSITORY)}: {one}"
        for path in (REPOSITORY / "app").rglob("*.py")
        for one in comparisons(path.read_text(encoding="utf-8"))
        if one not in NOT_SECRET
    }
    assert found == set(), "use hmac.compare_digest, or say above why it is no secret"


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("sent == settings.metrics_token", True),
        ("password != other", True),
        ("request.headers['x'] == secret.get_secret_value()", True),
        ("digest(sent) in {row.secret_sha256}", True),
        ("hmac.compare_digest(sent, token)", False),
        ("token is None", False),
        ("kind == 'token'", False),
        ("col(ApiKey.secret_sha256) == sha256", False),
        ("token_count > 3", False),
    ],
)
def test_the_look_finds_what_it_should(source: str, is_found: bool) -> None:
    assert bool(list(comparisons(source))) == is_found
