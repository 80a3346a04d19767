"""``python -m scheduler``: solve and verify problem files."""

from __future__ import annotations

import sys

from scheduler.command import main

if __name__ == "__main__":
    sys.exit(main())
