"""Requests to addresses that users give: to public places only, and never where a name leads that was not looked at."""

from app.core.egress.addresses import EgressRefused, EgressRules, refusal_of
from app.core.egress.client import egress_client
from app.core.egress.names import Resolver, system_resolver

__all__ = ["EgressRefused", "EgressRules", "Resolver", "egress_client", "refusal_of", "system_resolver"]
