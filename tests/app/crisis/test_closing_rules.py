"""The ledger of a crisis adds up to the cent: orders charged and credited, compensations mirrored, returns too."""

from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.bookings.models import ChargeKind
from app.crisis.closing_rules import RESTORED, Due, Entry, balances, faults, statement
from app.crisis.declaration import CrisisRules
from app.crisis.restoring_rules import returned_cents

AUTHORITY = UUID(int=1)
CENTS = st.integers(1, 10**12)
ORDER, COMPENSATION = ChargeKind.CRISIS_ORDER, ChargeKind.DISPLACEMENT_COMPENSATION


@dataclass
class Story:
    """What happened in a crisis, as its ledger has it, and what is due for it."""

    entries: list[Entry]
    dues: list[Due]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Orders accepted and maybe released; lots displaced, with or without compensation, and maybe given back."""
    entries, dues = [], []
    for number in range(draw(st.integers(0, 6))):
        order, cdmo, price = UUID(int=100 + number), UUID(int=10 + number % 3), draw(CENTS)
        fate = draw(st.sampled_from(["issued", "accepted", "released"]))
        amounts = {"issued": (), "accepted": (price,), "released": (price, -price)}[fate]
        entries += [Entry(AUTHORITY, cdmo, ORDER, cents, order_id=order) for cents in amounts]
        dues.append(Due("order", order, sum(amounts)))
    for number in range(draw(st.integers(0, 6))):
        booking, owner, cents = UUID(int=200 + number), UUID(int=20 + number % 4), draw(st.integers(0, 10**12))
        if draw(st.booleans()) and cents:
            entries += _mirrored(AUTHORITY, owner, booking, cents, None)
            owed = returned_cents(CrisisRules(restored_compensation_percent=draw(st.integers(0, 100))), cents)
            if draw(st.booleans()) and owed:
                entries += _mirrored(owner, AUTHORITY, booking, owed, RESTORED)
            dues.append(Due("booking", booking, cents))
        else:
            dues.append(Due("booking", booking, 0))
    return Story(draw(st.permutations(entries)), dues)


def _mirrored(payer: UUID, payee: UUID, booking: UUID, cents: int, code: str | None) -> list[Entry]:
    return [
        Entry(payer, payee, COMPENSATION, cents, booking_id=booking, code=code),
        Entry(payee, payer, COMPENSATION, -cents, booking_id=booking, code=code),
    ]


@given(stories())
def test_what_is_paid_is_received_to_the_cent(story: Story) -> None:
    assert faults(story.entries, story.dues) == []
    told = statement(story.entries, story.dues, {})
    assert sum(one["balance_cents"] for one in told["organisations"]) == told["balance_cents"] == 0
    assert balances(story.entries).get(AUTHORITY, {"balance_cents": 0})["balance_cents"] == told["net_cost_cents"]
    kept = told["compensation_cents"] - told["returned_cents"]
    assert told["net_cost_cents"] == told["orders_charged_cents"] - told["orders_credited_cents"] + kept


@given(stories(), st.data())
def test_an_amount_that_is_not_as_due_or_has_one_side_alone_is_found(story: Story, data: st.DataObject) -> None:
    if not story.entries:
        return
    at = data.draw(st.integers(0, len(story.entries) - 1))
    wrong = story.entries[at]._replace(
        amount_cents=story.entries[at].amount_cents + data.draw(st.sampled_from([-1, 1]))
    )
    for entries in (
        [*story.entries[:at], *story.entries[at + 1 :]],
        [*story.entries, story.entries[at]],
        [*story.entries[:at], wrong, *story.entries[at + 1 :]],
    ):
        assert faults(entries, story.dues)


def test_a_charge_that_names_no_other_side_is_found() -> None:
    alone = Entry(AUTHORITY, None, ORDER, 5, order_id=AUTHORITY)
    codes = [one["code"] for one in faults([alone], [Due("order", AUTHORITY, 5)])]
    assert codes == ["one_sided", "unbalanced"]


def test_a_credit_to_another_than_who_was_charged_is_found() -> None:
    other, cdmo, order = UUID(int=2), UUID(int=10), UUID(int=100)
    charged, credited = Entry(AUTHORITY, cdmo, ORDER, 5, order_id=order), Entry(other, cdmo, ORDER, -5, order_id=order)
    found = faults([charged, credited], [Due("order", order, 0)])
    assert [(one["code"], one["subject_id"], one["found_cents"]) for one in found] == [
        ("wrong_payer", str(order), 5),
        ("wrong_payer", str(order), -5),
    ]


@given(st.integers(0, 10**12), st.integers(0, 100))
def test_nobody_owes_back_more_than_was_paid_and_the_share_kept_is_rounded_up(paid: int, percent: int) -> None:
    owed = returned_cents(CrisisRules(restored_compensation_percent=percent), paid)
    assert 0 <= owed <= paid
    assert (paid - owed) * 100 >= paid * percent
