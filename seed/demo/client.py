"""The people of the story, each with a key: what they send, and what they are answered."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

from seed.demo.service import DemoFailed, Service

Json = dict[str, Any]
LOOK_SECONDS = 1.0
"""Between two looks at a run, which takes seconds: whoever waits should not keep others from being served."""


class Person:
    """One user of the interface."""

    def __init__(self, service: Service, role: str) -> None:
        self.role = role
        entry = service.keys[role]
        self.organisation: str = entry["organisation"]
        self.organisation_id: str = entry["organisation_id"]
        self._http = httpx.Client(
            base_url=service.url,
            headers={"Authorization": f"Bearer {entry['key']}"},
            timeout=30,
            trust_env=False,
        )

    def get(self, path: str, **query: Any) -> Json:
        """Read one object or one page.

        Raises
        ------
        DemoFailed
            The service refused; the message is its problem's title and detail.
        """
        return self._answer(self._http.get(path, params=_given(query)))

    def items(self, path: str, **query: Any) -> Iterator[Json]:
        """Read a whole list, page by page."""
        page = self.get(path, **query, limit=200)
        while True:
            yield from page["items"]
            if page["next"] is None:
                return
            page = self._answer(self._http.get(page["next"]))

    def post(self, path: str, body: Json | None = None, *, seen: Json | None = None) -> Json:
        """Do something; each call carries an idempotency key of its own, and the version of what was seen."""
        headers = {"Idempotency-Key": uuid4().hex}
        if seen is not None:
            headers["If-Match"] = f'"{seen["version"]}"'
        return self._answer(self._http.post(path, json=body if body is not None else {}, headers=headers))

    def wait_for_run(self, run_id: str, *, seconds: float) -> Json:
        """Poll a solver run to its end.

        Raises
        ------
        DemoFailed
            It failed, or has not ended in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            run = self.get(f"/v1/runs/{run_id}")
            if run["state"] == "succeeded":
                return run
            if run["state"] in {"failed", "cancelled"}:
                raise DemoFailed(f"the run {run['state']}: {run.get('error')}")
            time.sleep(LOOK_SECONDS)
        raise DemoFailed(f"the run has not ended after {seconds:.0f} s")

    @staticmethod
    def _answer(response: httpx.Response) -> Json:
        if response.is_success:
            answer: Json = response.json() if response.content else {}
            return answer
        problem = response.json()
        raise DemoFailed(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {problem.get('title')}:"
            f" {problem.get('detail')} {problem.get('errors', '')}"
        )


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in query.items() if value is not None}
