"""Who may do what: every operation, for every role, and under which condition; the one place that says it.

A key whose role or scope the table does not allow is refused before its operation begins, and so is every key at an
operation that is not in it. The conditions are kept by the operations themselves: tests try each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.identity.models import KeyScope, Role


class Access(StrEnum):
    """What an operation is to a role."""

    REFUSED = "-"
    ANY = "any"
    OWN = "own"
    PUBLIC = "pub"
    CRISES = "crises"
    ALL = "all"
    SEES = "sees"
    SELF = "self"
    SAY = "say"
    NONE = "none"
    HERE = "here"


MEANING: Mapping[Access, str] = {
    Access.REFUSED: "refused",
    Access.ANY: "carried out for whoever asks",
    Access.OWN: "about what is its organisation's own, or to which that is a party; all else does not exist for it",
    Access.PUBLIC: "about what is published, or no draft; all else does not exist for it",
    Access.CRISES: "about what belongs to a crisis; all else does not exist for it",
    Access.ALL: "about everything there is",
    Access.SEES: "refused about what it may see; all else does not exist for it",
    Access.SELF: "about the person who asks; all else does not exist for it",
    Access.SAY: (
        "by a person alone, about themself and those whose role they may give; refused about others whom they may see; "
        "all else does not exist for it"
    ),
    Access.NONE: "there is nothing that exists for it",
    Access.HERE: "on this very machine, or with the token of `METRICS_TOKEN`",
}

ROLES = tuple(Role)

# Beside each operation the scope that a key must have, `*` where no key is looked at; then a column for each role, in
# the order of `Role`, and one for who has no key.
_TABLE = """
method path                                              scope startup cdmo coordinator authority observer admin nobody

POST   /v1/bookings                                      write own     -    -           -         -        -     -
GET    /v1/bookings                                      read  own     own  all         own       own      all   -
GET    /v1/bookings/{booking_id}                         read  own     own  all         own       own      all   -
GET    /v1/bookings/{booking_id}/quote                   read  own     own  all         own       own      all   -
POST   /v1/bookings/{booking_id}/confirm                 write own     sees sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/release                 write own     sees sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/approve                 write sees    own  sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/decline                 write sees    own  sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/cancel                  write own     own  sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/move                    write own     sees sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/contract                write sees    own  sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/start                   write sees    own  sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/complete                write sees    own  sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/fail                    write sees    own  sees        none      none     sees  -
POST   /v1/bookings/{booking_id}/slip                    write sees    own  sees        none      none     sees  -
GET    /v1/bookings/{booking_id}/slips                   read  own     own  all         own       own      all   -
GET    /v1/slip-moves                                    read  own     own  all         own       own      all   -
POST   /v1/slip-moves/{slip_move_id}/accept              write own     sees sees        none      none     sees  -
POST   /v1/slip-moves/{slip_move_id}/decline             write own     sees sees        none      none     sees  -
GET    /v1/charges                                       read  own     own  all         own       own      all   -
GET    /v1/charges/export                                read  own     own  all         own       own      all   -

GET    /v1/slots                                         read  pub     own  pub         pub       -        pub   -
POST   /v1/slots                                         write -       own  -           -         -        -     -
GET    /v1/slots/{slot_id}                               read  pub     own  pub         pub       -        pub   -
PATCH  /v1/slots/{slot_id}                               write -       own  -           -         -        -     -
DELETE /v1/slots/{slot_id}                               write -       own  -           -         -        -     -
POST   /v1/slots/{slot_id}/lend                          write -       own  -           -         -        -     -
POST   /v1/slots/{slot_id}/recall                        write -       own  -           -         -        -     -
POST   /v1/slots/{slot_id}/split                         write -       own  -           -         -        -     -
POST   /v1/slots/import                                  write -       own  -           -         -        -     -
GET    /v1/slots/import/template                         read  any     any  any         any       any      any   -
GET    /v1/slots/export                                  read  -       own  -           -         -        -     -
GET    /v1/commitments                                   read  -       own  -           -         -        -     -
POST   /v1/commitments                                   write -       own  -           -         -        -     -
GET    /v1/commitments/{commitment_id}                   read  -       own  -           -         -        -     -
PATCH  /v1/commitments/{commitment_id}                   write -       own  -           -         -        -     -
DELETE /v1/commitments/{commitment_id}                   write -       own  -           -         -        -     -
POST   /v1/commitments/import                            write -       own  -           -         -        -     -
GET    /v1/commitments/import/template                   read  any     any  any         any       any      any   -
GET    /v1/commitments/export                            read  -       own  -           -         -        -     -
GET    /v1/agreements                                    read  -       own  all         own       own      all   -
POST   /v1/agreements                                    write -       -    all         -         -        all   -
GET    /v1/agreements/{agreement_id}                     read  -       own  all         own       own      all   -
POST   /v1/agreements/{agreement_id}/end                 write -       -    all         -         -        all   -
GET    /v1/agreements/{agreement_id}/compliance          read  -       own  all         own       own      all   -

GET    /v1/organisations                                 *     any     any  any         any       any      any   any
POST   /v1/organisations                                 write -       -    any         -         -        any   -
GET    /v1/organisations/{organisation_id}               *     any     any  any         any       any      any   any
PATCH  /v1/organisations/{organisation_id}               write own     own  all         own       own      all   -
GET    /v1/modalities                                    *     any     any  any         any       any      any   any
GET    /v1/sites                                         *     any     any  any         any       any      any   any
POST   /v1/sites                                         write -       own  all         -         -        all   -
GET    /v1/sites/{site_id}                               *     any     any  any         any       any      any   any
PATCH  /v1/sites/{site_id}                               write -       own  all         -         -        all   -
GET    /v1/lines                                         read  any     any  any         any       any      any   any
POST   /v1/lines                                         write -       own  all         -         -        all   -
GET    /v1/lines/{line_id}                               read  any     any  any         any       any      any   any
PATCH  /v1/lines/{line_id}                               write -       own  all         -         -        all   -
GET    /v1/keys                                          read  own     own  own         own       own      own   -
POST   /v1/keys                                          write any     any  any         any       any      any   -
GET    /v1/keys/{key_id}                                 read  own     own  own         own       own      own   -
POST   /v1/keys/{key_id}/rotate                          write own     own  own         own       own      own   -
POST   /v1/keys/{key_id}/revoke                          write own     own  own         own       own      own   -
GET    /v1/token-clients                                 read  own     own  all         own       own      all   -
POST   /v1/token-clients                                 write -       -    all         -         -        all   -
GET    /v1/token-clients/{token_client_id}               read  own     own  all         own       own      all   -
POST   /v1/token-clients/{token_client_id}/revoke        write own     own  all         own       own      all   -

GET    /v1/me                                            read  any     any  any         any       any      any   -
GET    /v1/people                                        read  own     own  all         own       own      all   -
GET    /v1/people/{person_id}                            read  own     own  all         own       own      all   -
PATCH  /v1/people/{person_id}                            write say     say  say         say       say      say   -
POST   /v1/people/{person_id}/deactivate                 write say     say  say         say       say      say   -
POST   /v1/people/{person_id}/reactivate                 write say     say  say         say       say      say   -
GET    /v1/people/{person_id}/export                     read  self    self all         self      self     all   -
GET    /v1/invitations                                   read  own     own  all         own       own      all   -
POST   /v1/invitations                                   write say     say  say         say       say      say   -
GET    /v1/invitations/{invitation_id}                   read  own     own  all         own       own      all   -
DELETE /v1/invitations/{invitation_id}                   write say     say  say         say       say      say   -
GET    /v1/sessions                                      read  say     say  say         say       say      say   -
DELETE /v1/sessions                                      write say     say  say         say       say      say   -
DELETE /v1/sessions/{session_id}                         write say     say  say         say       say      say   -

GET    /v1/products                                      read  own     own  all         own       own      all   -
POST   /v1/products                                      write any     -    -           -         -        -     -
GET    /v1/products/{product_id}                         read  own     own  all         own       own      all   -
PATCH  /v1/products/{product_id}                         write own     -    -           -         -        -     -
GET    /v1/products/{product_id}/qualifications          read  own     own  all         own       own      all   -
POST   /v1/products/{product_id}/qualifications          write own     -    all         -         -        -     -
GET    /v1/requests                                      read  own     own  all         own       own      all   -
POST   /v1/requests                                      write own     -    -           -         -        -     -
GET    /v1/requests/{request_id}                         read  own     own  all         own       own      all   -
PATCH  /v1/requests/{request_id}                         write own     -    -           -         -        -     -
POST   /v1/requests/{request_id}/submit                  write own     -    -           -         -        -     -
POST   /v1/requests/{request_id}/withdraw                write own     -    -           -         -        -     -
POST   /v1/requests/{request_id}/wait                    write own     -    -           -         -        -     -
POST   /v1/requests/{request_id}/stop-waiting            write own     -    -           -         -        -     -
POST   /v1/requests/{request_id}/grounds                 write -       -    all         -         -        -     -
GET    /v1/requests/{request_id}/matches                 read  own     own  all         own       own      all   -
GET    /v1/requests/{request_id}/waiting                 read  own     own  all         own       own      all   -
GET    /v1/feasibilities                                 read  own     own  all         own       own      all   -
POST   /v1/feasibilities                                 write own     -    -           -         -        -     -
GET    /v1/feasibilities/summary                         read  own     own  all         own       own      all   -
GET    /v1/feasibilities/{feasibility_id}                read  own     own  all         own       own      all   -
POST   /v1/feasibilities/{feasibility_id}/answer         write -       own  -           -         -        -     -
GET    /v1/alerts                                        read  own     own  all         own       own      all   -
POST   /v1/alerts                                        write own     -    -           -         -        -     -
GET    /v1/alerts/{alert_id}                             read  own     own  all         own       own      all   -
DELETE /v1/alerts/{alert_id}                             write own     -    -           -         -        -     -
GET    /v1/alerts/{alert_id}/hits                        read  own     own  all         own       own      all   -

GET    /v1/rounds                                        read  pub     pub  all         pub       pub      all   -
POST   /v1/rounds                                        write -       -    any         -         -        any   -
GET    /v1/rounds/{round_id}                             read  pub     pub  all         pub       pub      all   -
PATCH  /v1/rounds/{round_id}                             write -       -    all         -         -        all   -
POST   /v1/rounds/{round_id}/open                        write -       -    all         -         -        all   -
POST   /v1/rounds/{round_id}/close                       write -       -    all         -         -        all   -
POST   /v1/rounds/{round_id}/solve                       write -       -    all         -         -        all   -
POST   /v1/rounds/{round_id}/adjust                      write -       -    all         -         -        all   -
POST   /v1/rounds/{round_id}/publish                     write -       -    all         -         -        all   -
POST   /v1/rounds/{round_id}/cancel                      write -       -    all         -         -        all   -
GET    /v1/runs/{run_id}                                 read  none    none all         crises    none     all   -
GET    /v1/runs/{run_id}/progress                        read  none    none all         crises    none     all   -
POST   /v1/runs/{run_id}/cancel                          write none    none all         sees      none     all   -
POST   /v1/runs/{run_id}/replay                          write none    none all         sees      none     all   -
GET    /v1/runs/{run_id}/explanations/{request_id}       read  own     none all         none      none     all   -
GET    /v1/runs/{run_id}/certificate                     read  none    none all         crises    none     all   -
GET    /v1/offers                                        read  own     own  all         own       own      all   -
GET    /v1/offers/{offer_id}                             read  own     own  all         own       own      all   -
POST   /v1/offers/{offer_id}/accept                      write own     -    -           -         -        -     -
POST   /v1/offers/{offer_id}/decline                     write own     -    -           -         -        -     -
GET    /v1/waiting-list                                  read  none    none all         none      none     all   -

GET    /v1/crises                                        read  own     own  all         all       own      all   -
POST   /v1/crises                                        write -       -    any         -         -        -     -
GET    /v1/crises/{crisis_id}                            read  own     own  all         all       own      all   -
PATCH  /v1/crises/{crisis_id}                            write -       -    all         -         -        -     -
POST   /v1/crises/{crisis_id}/plan                       write -       -    all         -         -        -     -
GET    /v1/crises/{crisis_id}/plans                      read  none    none all         all       none     all   -
GET    /v1/crises/{crisis_id}/trade-off                  read  none    none all         all       none     all   -
POST   /v1/crises/{crisis_id}/sign                       write -       -    all         all       -        -     -
POST   /v1/crises/{crisis_id}/activate                   write -       -    all         -         -        -     -
POST   /v1/crises/{crisis_id}/replan                     write -       -    all         -         -        -     -
GET    /v1/crises/{crisis_id}/orders                     read  own     own  all         all       own      all   -
POST   /v1/crises/{crisis_id}/orders/{order_id}/accept   write none    own  sees        sees      none     sees  -
POST   /v1/crises/{crisis_id}/orders/{order_id}/counter  write none    own  sees        sees      none     sees  -
POST   /v1/crises/{crisis_id}/orders/{order_id}/withdraw write none    own  sees        sees      none     sees  -
GET    /v1/crises/{crisis_id}/displacements              read  own     own  all         all       own      all   -
POST   /v1/crises/{crisis_id}/displacements/{displacement_id}/accept  write own none sees sees none sees -
POST   /v1/crises/{crisis_id}/displacements/{displacement_id}/decline write own none sees sees none sees -
GET    /v1/crises/{crisis_id}/notices                    read  own     own  all         all       own      all   -
POST   /v1/crises/{crisis_id}/stand-down                 write -       -    all         -         -        -     -
POST   /v1/crises/{crisis_id}/renew                      write -       -    all         -         -        -     -
GET    /v1/crises/{crisis_id}/report                     read  none    none all         all       none     all   -
GET    /v1/crises/{crisis_id}/restorations               read  own     own  all         all       own      all   -
POST   /v1/crises/{crisis_id}/restorations/{restoration_id}/accept write own none sees sees none sees -
POST   /v1/crises/{crisis_id}/restorations/{restoration_id}/decline write own none sees sees none sees -
POST   /v1/crises/{crisis_id}/orders/{order_id}/play     write -       -    all         -         -        -     -
GET    /v1/crises/{crisis_id}/score                      read  none    none all         all       none     all   -
GET    /v1/drill-scores                                  read  -       -    all         all       -        all   -
GET    /v1/countermeasures                               read  any     any  any         any       any      any   -

GET    /v1/audit                                         read  own     own  all         own       own      all   -
GET    /v1/indicators                                    read  any     any  any         any       any      any   any

GET    /                                                 *     any     any  any         any       any      any   any
GET    /sign-in                                          *     any     any  any         any       any      any   any
POST   /sign-in                                          *     any     any  any         any       any      any   any
GET    /sign-in/sent                                     *     any     any  any         any       any      any   any
GET    /sign-in/link                                     *     any     any  any         any       any      any   any
POST   /sign-in/link                                     *     any     any  any         any       any      any   any
GET    /sign-in/oidc                                     *     any     any  any         any       any      any   any
GET    /sign-in/oidc/callback                            *     any     any  any         any       any      any   any
GET    /account                                          *     self    self self        self      self     self  -
POST   /account/sign-out                                 *     self    self self        self      self     self  -
POST   /account/sign-out-everywhere                      *     self    self self        self      self     self  -
POST   /account/sessions/{session_id}/end                *     say     say  say         say       say      say   -
GET    /docs                                             *     any     any  any         any       any      any   any
GET    /docs/swagger-ui-bundle.js                        *     any     any  any         any       any      any   any
GET    /docs/swagger-ui.css                              *     any     any  any         any       any      any   any
GET    /docs/redoc.standalone.js                         *     any     any  any         any       any      any   any
GET    /redoc                                            *     any     any  any         any       any      any   any
GET    /openapi.json                                     *     any     any  any         any       any      any   any
GET    /healthz                                          *     any     any  any         any       any      any   any
GET    /readyz                                           *     any     any  any         any       any      any   any
GET    /metrics                                          *     here    here here        here      here     here  here
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may do one operation.

    Attributes
    ----------
    scope
        What a key's scopes must contain; None where no key is looked at.
    access
        What the operation is to each role.
    nobody
        What it is to who has no key.
    roles
        The roles that it is not refused to at once.
    """

    scope: KeyScope | None
    access: Mapping[Role, Access]
    nobody: Access
    roles: tuple[Role, ...]


def _rules(table: str) -> dict[tuple[str, str], Rule]:
    """Return the rules of a table, by method and path template."""
    rules: dict[tuple[str, str], Rule] = {}
    for line in filter(None, table.strip().splitlines()[1:]):
        method, path, scope, *words = line.split()
        *cells, nobody = map(Access, words)
        access = dict(zip(ROLES, cells, strict=True))
        roles = tuple(role for role, cell in access.items() if cell is not Access.REFUSED)
        if (method, path) in rules:
            raise ValueError(f"{method} {path} stands there twice")
        rules[method, path] = Rule(None if scope == "*" else KeyScope(scope), access, nobody, roles)
    return rules


POLICY: Mapping[tuple[str, str], Rule] = _rules(_TABLE)
"""The rule of each operation, by its method and the template of its path."""
