"""The worker: runs jobs, sweeps what has expired, and says that it lives; any number may run, anywhere."""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from functools import partial

import structlog

from app.allocation.certifying import give_up_certificate, make_certificate
from app.allocation.models import RunKind
from app.allocation.offer_letters import offer_letter
from app.allocation.offers import expire_offers
from app.allocation.preparing import Reading
from app.allocation.preparing_round import read_round
from app.allocation.runs import FollowUp, give_up_run, requeue_lost
from app.allocation.service import round_run_ended
from app.allocation.solving import Searches, solve_run
from app.allocation.waiting import ask_again, ask_waiting_list, count_attempt, offer_freed
from app.audit.author import Author
from app.audit.sealing import seal_records
from app.bookings.approval_letters import approval_letter
from app.bookings.readiness import charge_readiness
from app.bookings.service import decline_overdue, expire_stale_holds
from app.capacity.readiness import record_readiness
from app.core import logs, tracing
from app.core.database import SessionFactory, make_engine, make_session_factory, transaction
from app.core.heartbeats import BEAT_SECONDS, beat, leave
from app.core.idempotency import forget_old_keys
from app.core.jobs import Entrypoint
from app.core.mail import TAKING_SECONDS
from app.core.model import new_id
from app.core.settings import Settings
from app.core.tenancy import EVERYBODY, acting_for
from app.crisis.amendment_grounds import GROUNDS_SEARCH, show_grounds
from app.crisis.campaign_ends import end_orders
from app.crisis.choosing import CHOICE_SEARCH, choose
from app.crisis.ending import expire_crises
from app.crisis.expiring import warn_of_expiry
from app.crisis.first_refusal import settle_unanswered
from app.crisis.giving_up import give_up_left_runs, let_go_of_left
from app.crisis.notice_letters import notice_letter
from app.crisis.preparing import read_crisis
from app.crisis.replanning import take_up_run
from app.crisis.searching import PLAN_SEARCH, plan
from app.crisis.silence import escalate_silence
from app.crisis.taking_back import expire_restorations
from app.identity.link_mail import mail_link
from app.identity.links import forget_old_sign_ins
from app.indicators.service import make_edition
from app.jobs.queue import take_jobs
from app.jobs.running import JobContext, Kind, Places, Runner
from app.jobs.service import remove_old
from app.jobs.sweeping import Sweep, Sweeper, tolerantly
from app.letters.models import LetterKind
from app.letters.sending import Writers, send_letter
from app.letters.service import forget_old_letters
from app.privacy.service import forget_past
from app.requests.alerting import evaluate_alerts, forget_openings

RECONNECT_SECONDS = 1.0
SWEEP_SECONDS = 5.0

FOLLOW_UPS: Mapping[RunKind, FollowUp] = {
    RunKind.ROUND: round_run_ended,
    RunKind.CRISIS: take_up_run,
    RunKind.WAITING: offer_freed,
}
"""What follows the end of a run, by its kind."""

READINGS: Mapping[RunKind, Reading] = {RunKind.ROUND: read_round, RunKind.CRISIS: read_crisis}
"""What reads the input of a run that is asked for without: to make it would take a process that answers too long."""


SEARCHES: Searches = {PLAN_SEARCH: plan, CHOICE_SEARCH: choose, GROUNDS_SEARCH: show_grounds}
"""How runs are solved that are more than one problem."""


WRITERS: Writers = {
    LetterKind.NOTICE: notice_letter,
    LetterKind.OFFER: offer_letter,
    LetterKind.APPROVAL: approval_letter,
}
"""What letters say, by what they are about."""

LETTER_SECONDS = 4 * TAKING_SECONDS
"""Nobody takes a letter from a worker that waits for a server's word about it."""
LETTER_TRIES = 30
"""About a day of them: as long as a mail server may be away without anybody's looking after it."""


async def _ask_waiting_list(context: JobContext) -> None:
    """Take up the freed days of a unit; the attempt is counted first, and counts whatever becomes of it."""
    async with context.transaction() as session:
        await count_attempt(session, context.subject_id)
    async with context.last_transaction() as session:
        await ask_waiting_list(session, context.subject_id)


ENGINE = Places(2)
"""Of jobs that run the engine, which takes cores and gigabytes, for minutes, and limits its own time."""

POST = Places(4)
"""Of letters, of which there may be thousands: signing in does not wait behind them."""

JOBS: Mapping[str, Kind] = {
    Entrypoint.SOLVE: Kind(
        partial(solve_run, follow_ups=FOLLOW_UPS, searches=SEARCHES, readings=READINGS),
        ENGINE,
        tries=3,
        seconds=None,
        given_up=partial(give_up_run, follow_ups=FOLLOW_UPS),
    ),
    Entrypoint.WAITING: Kind(_ask_waiting_list),
    Entrypoint.SIGN_IN_MAIL: Kind(mail_link),
    Entrypoint.LETTER: Kind(partial(send_letter, writers=WRITERS), POST, tries=LETTER_TRIES, seconds=LETTER_SECONDS),
    Entrypoint.CERTIFY: Kind(make_certificate, ENGINE, tries=3, seconds=None, given_up=give_up_certificate),
}
"""How each kind of job is run; a new one is a line here, and one in `Entrypoint`."""

SWEEPS: Mapping[str, Sweep] = {
    "expired_offers": expire_offers,
    "stale_holds": partial(expire_stale_holds, author=Author.of_job("expire_holds")),
    "overdue_approvals": partial(decline_overdue, author=Author.of_job("decline_overdue")),
    "expired_crises": expire_crises,
    "runs_of_ended_crises": give_up_left_runs,
    "left_freezes": let_go_of_left,
    "ended_campaigns": end_orders,
    "expiring_crises": warn_of_expiry,
    "expired_restorations": expire_restorations,
    "unanswered_orders": escalate_silence,
    "unanswered_places": settle_unanswered,
    "lost_runs": requeue_lost,
    "old_idempotency_keys": forget_old_keys,
    "old_attempts": remove_old,
    "old_sign_ins": forget_old_sign_ins,
    "old_letters": forget_old_letters,
    "freed_periods": ask_again,
    "alerts": evaluate_alerts,
    "old_openings": forget_openings,
    "readiness_days": record_readiness,
    "readiness_fees": partial(charge_readiness, author=Author.of_job("charge_readiness")),
    "audit_seals": seal_records,
    "indicators": make_edition,
    "past_their_time": forget_past,
}
"""What is done every few seconds, by one worker at a time; each says how much it did, and is called until it says 0."""

OF_ONE_MOMENT = frozenset({"alerts"})
"""Sweeps whose transaction sees everything as of one moment."""

RARE_SWEEPS: Mapping[str, float] = {
    "old_attempts": 3_600.0,
    "old_openings": 3_600.0,
    "old_sign_ins": 600.0,
    "old_letters": 3_600.0,
    "readiness_days": 3_600.0,
    "readiness_fees": 3_600.0,
    "old_idempotency_keys": 60.0,
    "audit_seals": 60.0,
    "indicators": 3_600.0,
    "past_their_time": 3_600.0,
    "expiring_crises": 600.0,
}
"""Seconds between two sweeps, of those that are done more rarely."""

log = structlog.get_logger(__name__)


async def run(settings: Settings, kinds: Mapping[str, Kind] = JOBS) -> None:
    """Work until SIGTERM or SIGINT; a job under way is then left to another worker.

    Survives the loss of the database, and goes on when it is back.

    Raises
    ------
    ValueError
        If the settings name no database.
    """
    logs.configure(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await work(settings, stop, kinds)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def work(settings: Settings, stop: asyncio.Event, kinds: Mapping[str, Kind] = JOBS) -> None:
    """Work until told to stop."""
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set: name the database whose jobs to run")
    engine = make_engine(settings.database_url, settings, application_name="creneau-worker")
    sessions = make_session_factory(engine)
    tracer = tracing.make_provider(settings, "creneau-worker")
    tracing.trace_statements(engine, tracer)
    runner = Runner(sessions, settings, kinds, stop, partial(tracing.job_span, tracer))
    sweeper = Sweeper(sessions, SWEEPS, lambda name: RARE_SWEEPS.get(name, SWEEP_SECONDS), stop, OF_ONE_MOMENT)
    log.info("worker_started", pid=os.getpid())
    try:
        with acting_for(EVERYBODY):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_say_alive(sessions, stop))
                tasks.create_task(_sweep(sweeper))
                tasks.create_task(_run_jobs(settings, runner))
    finally:
        await engine.dispose()
        await tracing.shut_down(tracer)
        log.info("worker_stopped", pid=os.getpid())


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not beyond the order to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def _say_alive(sessions: SessionFactory, stop: asyncio.Event) -> None:
    worker_id, host = new_id(), socket.gethostname()

    async def say(*, alive: bool) -> None:
        async with transaction(sessions) as session:
            await (beat(session, worker_id, host=host, pid=os.getpid()) if alive else leave(session, worker_id))

    while not stop.is_set():
        await tolerantly("heartbeat", say(alive=True))
        await _pause(stop, BEAT_SECONDS)
    await tolerantly("leave", say(alive=False))


async def _sweep(sweeper: Sweeper) -> None:
    while not sweeper.stop.is_set():
        await sweeper.sweep()
        await _pause(sweeper.stop, SWEEP_SECONDS)


async def _run_jobs(settings: Settings, runner: Runner) -> None:
    """Run jobs; when the database goes away, connect again until it is back."""
    while not runner.stop.is_set():
        try:
            await take_jobs(settings, runner)
        except Exception:
            # A connection that is cut shows as any of the driver's errors, its internal ones too.
            log.exception("queue_lost")
        await _pause(runner.stop, RECONNECT_SECONDS)
