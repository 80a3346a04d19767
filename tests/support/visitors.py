"""Browsers of people who sign in, and the mail that they get."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from app.core.database import SessionFactory
from app.core.mail import Mail
from app.core.settings import Settings
from app.identity.models import Organisation, OrganisationKind, Person, Role
from tests.support.jobs import perform
from tests.support.world import World

HERE = "http://localhost"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SESSION = "creneau_session"

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_TOKEN = re.compile(r"\?token=([\w-]+)")


def hidden_fields(page: httpx.Response) -> dict[str, str]:
    """Return what the forms of a page send along."""
    return dict(_HIDDEN.findall(page.text))


class Browser(httpx.AsyncClient):
    """A browser: it keeps cookies, says where its forms come from, and follows nothing by itself."""

    def __init__(self, app: FastAPI, base: str = HERE, language: str = "en") -> None:
        super().__init__(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url=base,
            headers={"User-Agent": AGENT, "Accept-Language": language},
        )
        self.here = base

    async def submit(self, page: str, action: str | None = None, **fields: str) -> httpx.Response:
        """Load a page, and send its first form with some fields filled in."""
        loaded = await self.get(page)
        assert loaded.status_code == 200, loaded.text
        return await self.send_form(action or page.partition("?")[0], **{**hidden_fields(loaded), **fields})

    async def send_form(self, action: str, **fields: str) -> httpx.Response:
        """Send a form as a page of this service would."""
        return await self.post(action, data=fields, headers={"Origin": self.here, "Sec-Fetch-Site": "same-origin"})

    async def csrf(self) -> dict[str, str]:
        """The headers with which a page of this service changes anything through the interface."""
        told = (await self.get("/v1/me")).json()
        return {"X-CSRF-Token": told["csrf_token"], "Origin": self.here}

    @property
    def session(self) -> str | None:
        """The secret of the session, if there is one."""
        return next((one.value for one in self.cookies.jar if one.name.endswith(SESSION)), None)


@dataclass
class Post:
    """The mail of a test: what waits is sent when it is looked for."""

    sessions: SessionFactory
    settings: Settings
    sent: list[Mail] = field(default_factory=list)

    async def take(self, _settings: object, mail: Mail) -> None:
        """Take a mail as a server would."""
        self.sent.append(mail)

    async def waiting(self) -> list[UUID]:
        """Return what mail jobs wait for."""
        async with self.sessions() as session:
            rows = await session.execute(
                text("SELECT payload FROM jobs.pgqueuer WHERE entrypoint = 'sign_in_mail' ORDER BY id")
            )
            return [UUID(bytes=payload) for (payload,) in rows]

    async def go_out(self) -> list[Mail]:
        """Run every mail job that waits, and return what was sent by them."""
        before = len(self.sent)
        for subject_id in await self.waiting():
            await perform(self.sessions, "sign_in_mail", subject_id, self.settings)
        return self.sent[before:]

    async def token(self) -> str:
        """Send what waits, and return the token in the last mail."""
        sent = await self.go_out()
        assert sent, "no mail was sent"
        [token] = _TOKEN.findall(sent[-1].text)
        return str(token)


@dataclass
class Visitors:
    """People of a test, with browsers in which they sign in."""

    app: FastAPI
    world: World
    post: Post
    browsers: list[Browser] = field(default_factory=list)

    def browser(self, **given: Any) -> Browser:
        """Return a new browser."""
        made = Browser(self.app, **given)
        self.browsers.append(made)
        return made

    async def person(self, organisation: Organisation, role: Role, **given: Any) -> Person:
        """Store a person without a key."""
        number = next(self.world._numbers)
        told = {"name": f"V {number}", "email": f"v{number}@example.org", **given}
        return await self.world.add(Person(organisation_id=organisation.id, role=role, **told))

    async def member(self, **given: Any) -> Person:
        """Store a start-up and a member of it."""
        return await self.person(await self.world.organisation(OrganisationKind.STARTUP), Role.STARTUP_MEMBER, **given)

    async def link(self, email: str, browser: Browser | None = None) -> str:
        """Ask for a link, and return the token in the mail."""
        asked = await (browser or self.browser()).submit("/sign-in", email=email)
        assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in/sent")
        return await self.post.token()

    async def signed_in(self, person: Person, browser: Browser | None = None) -> Browser:
        """Return a browser in which a person is signed in."""
        used = browser or self.browser()
        token = await self.link(person.email, used)
        answer = await used.submit(f"/sign-in/link?token={token}")
        assert (answer.status_code, answer.headers.get("location")) == (303, "/account"), answer.text
        return used

    async def close(self) -> None:
        """Close every browser."""
        for one in self.browsers:
            await one.aclose()


Headers = Mapping[str, str]
