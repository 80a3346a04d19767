"""Every page, for who is signed in in each role and for nobody: what the policy's table says of it is what happens."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from app.identity import dependencies
from app.identity.key_rules import KIND_OF
from app.identity.models import Organisation, OrganisationKind, Role
from app.identity.policy import POLICY, Access
from tests.contract.policy.people import People, people_of
from tests.contract.policy.walker import Answered, answered, noted
from tests.contract.test_policy import PAGES
from tests.support.visitors import Browser, Visitors, hidden_fields

KINDS = {**KIND_OF, Role.ADMIN: OrganisationKind.COORDINATOR}
FOR_ANYBODY = {
    "GET /sign-in",
    "POST /sign-in",
    "GET /sign-in/sent",
    "GET /sign-in/link",
    "POST /sign-in/link",
    "GET /sign-in/oidc",
    "GET /sign-in/oidc/callback",
}
OF_ONESELF = {"GET /account", "POST /account/sign-out", "POST /account/sign-out-everywhere"}
END = "POST /account/sessions/{session_id}/end"


@dataclass(frozen=True, slots=True)
class Signed:
    """Browsers of all roles, and the people that there are beside."""

    visitors: Visitors
    browsers: Mapping[Role, Browser]
    people: People

    async def end(self, role: Role, session_id: UUID) -> Answered:
        """Send the form that ends a session, as the page of one's account does."""
        browser = self.browsers[role]
        fields = hidden_fields(await browser.get("/account"))
        with noted(self.visitors.app.state.engine) as statements:
            answer = await browser.send_form(f"/account/sessions/{session_id}/end", **fields)
        return answered(answer, statements)


@pytest.fixture
async def signed(visitors: Visitors) -> Signed:
    world = visitors.world
    by_kind = {kind: await world.organisation(kind) for kind in dict.fromkeys(KINDS.values())}
    owners = {role: by_kind[kind] for role, kind in KINDS.items()}
    rivals: dict[Role, Organisation] = {}
    for role, kind in KINDS.items():
        is_alone = kind is OrganisationKind.COORDINATOR
        rivals[role] = await world.organisation(OrganisationKind.STARTUP if is_alone else kind)
    persons = {role: await visitors.person(owner, role) for role, owner in owners.items()}
    browsers = {role: await visitors.signed_in(person) for role, person in persons.items()}
    acting = {role: person.id for role, person in persons.items()}
    return Signed(visitors, browsers, await people_of(world, owners, rivals, acting))


def test_every_page_is_tried() -> None:
    rules = {" ".join(key): rule for key, rule in POLICY.items() if key[1].startswith(PAGES)}
    expected = {
        **dict.fromkeys(FOR_ANYBODY, (Access.ANY, Access.ANY)),
        **dict.fromkeys(OF_ONESELF, (Access.SELF, Access.REFUSED)),
        END: (Access.SAY, Access.REFUSED),
    }
    assert rules.keys() == expected.keys()
    for name, (signed_in, nobody) in expected.items():
        assert (set(rules[name].access.values()), rules[name].nobody) == ({signed_in}, nobody), name


async def test_anybody_may_sign_in_whoever_is_signed_in_there(signed: Signed) -> None:
    for role, browser in [*signed.browsers.items(), (None, signed.visitors.browser())]:
        person = await signed.visitors.member()
        address = f"/sign-in/link?token={await signed.visitors.link(person.email)}"
        asked = await browser.get("/sign-in")
        assert (asked.status_code, asked.headers.get("location")) == ((303, "/account") if role else (200, None))
        assert (await browser.get("/sign-in/sent")).status_code == 200
        assert [(await browser.get(f"/sign-in/{one}")).status_code for one in ("oidc", "oidc/callback")] == [404, 404]
        shown = await browser.get(address)
        assert shown.status_code == 200
        fields = hidden_fields(shown)
        sent = await browser.send_form("/sign-in", email=f"{uuid4()}@example.org", **fields)
        assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in/sent")
        inside = await browser.send_form("/sign-in/link", **fields)
        assert (inside.status_code, inside.headers["location"]) == (303, "/account")
        assert (await browser.get("/v1/me")).json()["person"]["id"] == str(person.id)


async def test_sessions_of_others_end_where_one_has_a_say(signed: Signed) -> None:
    """To end one that is foreign is as to end none, to the letter and to the statement."""
    people = signed.people
    for role in Role:
        missing = await signed.end(role, uuid4())
        assert (missing.status, "There is no such object" in missing.told) == (404, True), role
        foreign = await signed.end(role, people.foreign[role]["session_id"])
        if role in {Role.COORDINATOR, Role.ADMIN}:
            assert foreign.status == 303, role
        else:
            assert (foreign.status, foreign.told) == (404, missing.told), role
            assert foreign.statements == missing.statements, role
        assert (await signed.end(role, people.seen[role]["session_id"])).status == 403, role
        assert (await signed.end(role, people.own[role]["session_id"])).status == 303, role


@pytest.mark.parametrize("operation", sorted(OF_ONESELF))
async def test_an_account_is_ones_own(signed: Signed, operation: str) -> None:
    method, path = operation.split(" ")
    for browser in signed.browsers.values():
        shown = await browser.get("/account")
        if method == "GET":
            me = (await browser.get("/v1/me")).json()["person"]
            assert (shown.status_code, me["email"] in shown.text) == (200, True)
            continue
        answer = await browser.send_form(path, **hidden_fields(shown))
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize("operation", sorted({*OF_ONESELF, END}))
async def test_nobody_has_no_account(signed: Signed, operation: str) -> None:
    """Neither has a key: it opens the interface and no page."""
    method, path = operation.split(" ")
    address = path.format(session_id=signed.people.known["session_id"])
    _, key = await signed.visitors.world.startup()
    for headers in ({}, dict(key)):
        answer = await signed.visitors.browser().request(method, address, headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


async def test_what_has_no_rule_is_refused_to_whoever_is_signed_in(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages and operations go by the same table."""
    monkeypatch.setattr(dependencies, "POLICY", {})
    for browser in signed.browsers.values():
        assert [(await browser.get(path)).status_code for path in ("/account", "/v1/bookings")] == [403, 403]
