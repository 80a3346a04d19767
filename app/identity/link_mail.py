"""The job that mails a link: it makes the secret, sends it, and keeps its digest."""

from collections.abc import Mapping

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.mail import Mail, send_mail
from app.core.sign_in_settings import SignInSettings
from app.core.vocabulary import Language
from app.identity import link_repository
from app.identity import people_repository as people
from app.identity.links import Addressee, addressee_of, taken_invitation
from app.identity.secrets_of_browsers import new_secret
from app.identity.sign_in_models import SignInLink
from app.jobs.running import JobContext

AUTHOR = Author.of_job("sign_in_mail")
LINK_PATH = "/sign-in/link"

_SUBJECTS: Mapping[Language, str] = {Language.EN: "Sign in to Créneau", Language.FR: "Connexion à Créneau"}
_LINK: Mapping[Language, str] = {
    Language.EN: (
        "Hello {name},\n\nopen this link to sign in to Créneau:\n\n{link}\n\nIt works once, within {minutes} minutes."
        " If you did not ask for it, do nothing: nobody comes in without it."
    ),
    Language.FR: (
        "Bonjour {name},\n\nouvrez ce lien pour vous connecter à Créneau :\n\n{link}\n\nIl ne sert qu’une fois, dans"
        " les {minutes} minutes. Si vous ne l’avez pas demandé, ne faites rien : personne n’entre sans lui."
    ),
}
_INVITED_SUBJECT = "Invitation : Créneau, {organisation}"
_INVITED = (
    "Bonjour {name},\n\nvous êtes invité(e) à agir pour {organisation} dans Créneau, la place de marché nationale de la"
    " bioproduction. Ouvrez ce lien pour entrer :\n\n{link}\n\nIl ne sert qu’une fois, jusqu’au {until}.\n\n--\n\nHello"
    " {name},\n\nyou are invited to act for {organisation} in Créneau, the national marketplace for biomanufacturing."
    " Open the link above to come in; it works once, until {until}."
)

_TAKEN = (
    "Bonjour {name},\n\nvous êtes invité(e) à agir pour {organisation} dans Créneau, mais cette adresse y appartient"
    " déjà à quelqu’un d’une autre organisation. Pour agir pour {organisation} aussi, demandez une invitation à une"
    " autre adresse.\n\n--\n\nHello {name},\n\nyou are invited to act for {organisation} in Créneau, but this address"
    " belongs to somebody of another organisation there. To act for {organisation} too, ask for an invitation to"
    " another address."
)


async def mail_link(context: JobContext) -> None:
    """Mail a link to whom it is for; to nobody, if nobody has the address. A further try makes a new secret.

    The digest is stored before the mail goes out, so that the link works when it arrives. Who is invited, but has come
    in for another organisation before, is told so: for whoever invites, one address is then as the other.
    """
    secret = new_secret()
    async with context.transaction() as session:
        link = await link_repository.lock_to_mail(session, context.subject_id)
        addressee = None if link is None else await addressee_of(session, link)
        taken = None if link is None or addressee is not None else await taken_invitation(session, link)
        if link is None:
            return
        if addressee is not None:
            link.secret_sha256 = secret.sha256
            mail = _mail(context.settings, link, addressee, secret.plain)
        elif taken is not None:
            mail = Mail(taken.email, _INVITED_SUBJECT.format(organisation=taken.organisation), _told(_TAKEN, taken))
        else:
            return
    await send_mail(context.settings, mail)
    async with context.last_transaction() as session:
        sent = await link_repository.lock_to_mail(session, context.subject_id)
        if sent is not None:
            sent.mailed_at = now()
        invitation = await people.get_invitation(session, link.invitation_id) if link.invitation_id else None
        if invitation is not None:
            before = snapshot(invitation)
            invitation.mailed_at = now()
            await record(session, AUTHOR, "invitation.mailed", invitation, before=before)


def _mail(settings: SignInSettings, link: SignInLink, to: Addressee, secret: str) -> Mail:
    address = f"{settings.public_url}{LINK_PATH}?token={secret}"
    if link.invitation_id is not None:
        text = _told(_INVITED, to, link=address, until=f"{link.expires_at:%Y-%m-%d}")
        return Mail(to.email, _INVITED_SUBJECT.format(organisation=to.organisation), text)
    text = _LINK[link.language].format(name=to.name, link=address, minutes=settings.sign_in_link_minutes)
    return Mail(to.email, _SUBJECTS[link.language], text)


def _told(text: str, to: Addressee, **given: str) -> str:
    return text.format(name=to.name, organisation=to.organisation, **given)
