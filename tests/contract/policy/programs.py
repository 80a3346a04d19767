"""Programs that act for an organisation: by a key, and by the tokens of an issuer."""

from uuid import UUID, uuid4

from app.identity.keys import NewKey, new_key
from app.identity.models import ApiKey, Organisation, Role
from app.identity.token_client_models import TokenClient
from tests.support.world import World


async def program_key(world: World, owner: Organisation, role: Role) -> UUID:
    """Store a key of a program, which may be rotated by whoever has its role."""
    return (await world.add(_row(owner, role, new_key()))).id


async def program_headers(world: World, owner: Organisation, role: Role) -> dict[str, str]:
    """Store a key of a program, and return the headers that carry it."""
    made = new_key()
    await world.add(_row(owner, role, made))
    return {"Authorization": f"Bearer {made.plain}"}


def _row(owner: Organisation, role: Role, made: NewKey) -> ApiKey:
    return ApiKey(organisation_id=owner.id, role=role, name="p", prefix=made.prefix, secret_sha256=made.sha256)


async def token_client(world: World, owner: Organisation, role: Role) -> UUID:
    """Store a client whose access tokens act for an organisation."""
    name = str(uuid4())
    row = TokenClient(
        organisation_id=owner.id, issuer="i", client_id=name, subject=name, name="p", role=role, scopes=["read"]
    )
    return (await world.add(row)).id
