"""``python -m scheduler``: solve and verify problem files."""

from __future__ import annotations

import sys

from scheduler.command import main
from scheduler.garbage import expect_many

if __name__ == "__main__":
    expect_many()
    sys.exit(main())
