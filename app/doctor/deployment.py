"""What is looked at."""

from pathlib import Path
from typing import NamedTuple

from app.core.settings import Settings


class Deployment(NamedTuple):
    """A deployment as one machine sees it.

    Attributes
    ----------
    settings
        Those of this environment.
    data_dir
        The folder of an embedded database, if there is one.
    is_local
        Whether it is for one person on one machine, who may keep the demonstration's keys and do without https.
    """

    settings: Settings
    data_dir: Path
    is_local: bool = False
