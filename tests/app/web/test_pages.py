"""Pages: without scripts, in two languages, under a policy to the letter, and so are their refusals."""

import base64
import hashlib
import re

import httpx
import pytest

from app.core.vocabulary import Language
from app.web.words import WORDS
from tests.support.visitors import Visitors


def assert_page(answer: httpx.Response, language: str = "en") -> None:
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert answer.headers.get_list("referrer-policy") == ["same-origin"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}">' in answer.text
    assert answer.text.count("<h1>") == 1
    [policy] = answer.headers.get_list("content-security-policy")
    told = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert told == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert not re.search(r"<script|\son\w+=|style=|javascript:|https?://", answer.text)
    for field in re.findall(r'<input id="(\w+)"', answer.text):
        assert f'<label for="{field}">' in answer.text


async def test_every_page(visitors: Visitors) -> None:
    person = await visitors.member()
    browser = visitors.browser()
    token = await visitors.link(person.email, browser)
    for path in ("/sign-in", "/sign-in/sent", f"/sign-in/link?token={token}"):
        assert_page(await browser.get(path))
    await browser.submit(f"/sign-in/link?token={token}")
    assert_page(await browser.get("/account"))
    assert (await browser.get("/sign-in")).headers["location"] == "/account"


async def test_refusals_are_pages_too(visitors: Visitors) -> None:
    browser = visitors.browser()
    for path, status in (
        ("/sign-in/link?token=x", 410),
        ("/sign-in/link", 422),
        ("/sign-in/oidc", 404),
        ("/sign-in/oidc/callback", 404),
    ):
        answer = await browser.get(path)
        assert answer.status_code == status
        assert_page(answer)
    answer = await browser.send_form("/sign-in", email="a@example.org")
    assert answer.status_code == 403
    assert_page(answer)
    faulty = await browser.submit("/sign-in", email="no<b>mail")
    assert (faulty.status_code, "no&lt;b&gt;mail" in faulty.text) == (422, True)
    assert_page(faulty)


async def test_whoever_is_not_signed_in_is_sent_to_sign_in(visitors: Visitors) -> None:
    browser = visitors.browser()
    assert (await browser.get("/account")).headers["location"] == "/sign-in"
    assert (await browser.send_form("/account/sign-out")).headers["location"] == "/sign-in"


async def test_what_people_are_called_is_no_part_of_the_page(visitors: Visitors) -> None:
    person = await visitors.member(name="<script>alert(1)</script>{{ 7 * 7 }}")
    browser = await visitors.signed_in(person)
    page = await browser.get("/account")
    assert_page(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in page.text


async def test_the_forms_of_an_account_need_their_token(visitors: Visitors) -> None:
    browser = await visitors.signed_in(await visitors.member())
    for action in ("/account/sign-out", "/account/sign-out-everywhere"):
        assert (await browser.send_form(action)).status_code == 403
        assert (await browser.send_form(action, csrf_token="x")).status_code == 403
    assert (await browser.get("/account")).status_code == 200


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("de, en;q=0.5, fr;q=0.7", "fr"),
        ("en", "en"),
        ("", "en"),
        ("fr;q=x, *", "en"),
    ],
)
async def test_pages_speak_the_language_of_the_browser(visitors: Visitors, asked: str, language: str) -> None:
    browser = visitors.browser(language=asked)
    assert_page(await browser.get("/sign-in"), language)
    assert_page(await browser.get("/sign-in/link?token=x"), language)
    person = await visitors.member()
    await visitors.link(person.email, browser)
    assert visitors.post.sent[-1].subject == {"fr": "Connexion à Créneau", "en": "Sign in to Créneau"}[language]


def test_both_languages_say_the_same_things() -> None:
    assert WORDS[Language.EN].keys() == WORDS[Language.FR].keys()
    assert WORDS[Language.EN]["roles"].keys() == WORDS[Language.FR]["roles"].keys()


async def test_pages_are_no_part_of_the_interfaces_description(visitors: Visitors) -> None:
    paths = visitors.app.openapi()["paths"]
    assert not [path for path in paths if path.startswith(("/sign-in", "/account"))]
