"""An embedded PostgreSQL: the binaries of an installed wheel under a supervisor of our own."""

from app.core.embedded.cluster import DATABASE, OWNER_ROLE, SUPERUSER
from app.core.embedded.errors import DataFolderLocked, EmbeddedPostgresError
from app.core.embedded.server import EmbeddedPostgres

__all__ = [
    "DATABASE",
    "OWNER_ROLE",
    "SUPERUSER",
    "DataFolderLocked",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
]
