"""Figures of this process for Prometheus: what it served, refused, and waited for; never whose, nor what for.

Labels are closed vocabularies: methods, templates of routes, statuses, problem types. No path, no identifier
and no name is ever one, so that the number of series is bounded and nothing confidential leaves.
"""

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
"""A registry of our own: what libraries register by themselves does not show."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
READS = frozenset({"GET", "HEAD", "OPTIONS"})
UNMATCHED = "unmatched"
COUNTED_TAG = "bookings"

REQUESTS = Counter("creneau_http_requests", "Requests answered.", ("method", "route", "status"), registry=REGISTRY)
SECONDS = Histogram(
    "creneau_http_request_seconds",
    "Time from the first byte of a request to the end of its answer.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
IN_PROGRESS = Gauge("creneau_http_requests_in_progress", "Requests not answered to the end yet.", registry=REGISTRY)
RATE_LIMITED = Counter("creneau_rate_limited", "Requests refused for their number.", ("policy",), registry=REGISTRY)
BOOKINGS = Counter(
    "creneau_bookings",
    "Steps of bookings asked for: `done` and committed, or refused with this type of problem.",
    ("step", "outcome"),
    registry=REGISTRY,
)
LOCK_SECONDS = Histogram(
    "creneau_unit_lock_seconds",
    "Time until the locks of the units of one step were had.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
    registry=REGISTRY,
)


class Served(NamedTuple):
    """One request, as far as figures tell of it."""

    method: str
    route: str | None
    status: int
    seconds: float
    problem: str | None
    operation: str | None
    tags: tuple[str, ...]


def known_method(method: str) -> str:
    """Return a method of HTTP, or `OTHER` for what somebody has made up."""
    return method if method in METHODS else "OTHER"


def observe(served: Served) -> None:
    """Count one request that was answered."""
    route = served.route or UNMATCHED
    REQUESTS.labels(served.method, route, str(served.status)).inc()
    SECONDS.labels(served.method, route).observe(served.seconds)
    if COUNTED_TAG in served.tags and served.operation and served.method not in READS:
        outcome = "done" if served.status < 400 else served.problem or str(served.status)
        BOOKINGS.labels(served.operation, outcome).inc()
