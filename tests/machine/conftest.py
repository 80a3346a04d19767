"""A stage for machines, on this worker's database."""

from collections.abc import Iterator

import pytest

from app.core.settings import Settings
from tests.machine import stage as stages
from tests.machine.stage import Stage


@pytest.fixture
def stage(settings: Settings, database: str) -> Iterator[Stage]:
    """A stage that nobody else plays on."""
    with stages.on(settings, database) as made:
        yield made
