from datetime import date

import pytest

from seed.catalogue import Catalogue, read_catalogue
from seed.scenario.generate import Scenario, generate
from seed.scenario.sizes import SizeName

AS_OF = date(2027, 1, 1)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return read_catalogue()


@pytest.fixture(scope="session", params=[SizeName.DEMO, SizeName.CONTESTED], ids=lambda size: size.value)
def scenario(request: pytest.FixtureRequest, catalogue: Catalogue) -> Scenario:
    return generate(catalogue, request.param, 1, AS_OF)


@pytest.fixture(scope="session")
def demo(catalogue: Catalogue) -> Scenario:
    return generate(catalogue, SizeName.DEMO, 1, AS_OF)
