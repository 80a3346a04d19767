"""PostgreSQL is killed again and again under load: nothing acknowledged is lost, and a retry finishes what was not.

Each client sends each act with one key until it has an answer that says what became of it. However often the server
died on the way, and whether or not the transaction had been committed when it did, each act has its effect once: there
is one booking for each hold, it stands as was told last, and is charged for what was told.
"""

import os
import time

import pytest

from tests.races.buyers import Buyers
from tests.races.kept import AFTER, faults
from tests.races.outage import Service, service

__all__ = ["service"]

pytestmark = [pytest.mark.races, pytest.mark.timeout(1800)]

KILLS = 20 if os.environ.get("CRENEAU_PROVE") else 3
MOST_KILLS = 5 * KILLS
"""A hold takes so little that few kills may meet one: the server is killed until one has been finished by a retry."""
LIVES_S = 1.0
GONE_S = 0.3


def finished_by_a_retry(buyers: Buyers) -> bool:
    """Tell whether a hold that the server died on was made in the end, under its key."""
    return any(one.verb == "hold" and one.times > 1 and one.booking is not None for one in buyers.told)


def test_each_act_is_there_once_however_often_the_server_dies(service: Service) -> None:
    buyers = Buyers(service)
    buyers.start()
    try:
        for kill in range(MOST_KILLS):
            if kill >= KILLS and finished_by_a_retry(buyers):
                break
            time.sleep(LIVES_S)
            service.kill_postgres()
            time.sleep(GONE_S)
            service.start_postgres()
        time.sleep(LIVES_S)
    finally:
        buyers.end()

    assert buyers.broken is None
    assert buyers.statuses.keys() <= {200, 201, 409, 503}, buyers.statuses
    assert buyers.statuses[503] > 0
    assert {one.verb for one in buyers.told if one.booking is not None} == AFTER.keys()
    holds = [one.booking.id for one in buyers.told if one.verb == "hold" and one.booking is not None]
    assert len(set(holds)) == len(holds)
    assert faults(buyers.told, service) == []
    assert finished_by_a_retry(buyers)
