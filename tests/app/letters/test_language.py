"""In which language people are written to: they say it themselves."""

import pytest

from tests.support.visitors import Visitors

pytestmark = pytest.mark.database


async def test_a_person_says_in_which_language_they_are_written_to(visitors: Visitors) -> None:
    person = await visitors.member()
    browser = await visitors.signed_in(person)
    headers = {**await browser.csrf(), "If-Match": "*"}
    read = (await browser.get(f"/v1/people/{person.id}")).json()
    assert read["language"] is None
    for language in ("fr", None):
        told = await browser.patch(f"/v1/people/{person.id}", json={"language": language}, headers=headers)
        assert (told.status_code, told.json()["language"]) == (200, language), told.text
    refused = await browser.patch(f"/v1/people/{person.id}", json={"language": "de"}, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/language")
