"""`python -m tests.supply advisories | bandit | sbom`: see `make audit` and `make sbom`."""

import argparse
import sys
from pathlib import Path

from tests.supply import advisories, bandit, sbom

LOCK = Path("requirements.lock")


def main() -> int:
    """Run one of them, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.supply", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("advisories", help="known advisories against what is installed; 1 if there are any")
    commands.add_parser("bandit", help="bandit's findings without a reason beside them; 1 if there are any")
    bill = commands.add_parser("sbom", help="write what the service is made of, as CycloneDX")
    bill.add_argument("output", type=Path)
    asked = parser.parse_args()
    if asked.command == "sbom":
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        asked.output.write_text(sbom.document(LOCK.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    report = advisories.look(LOCK) if asked.command == "advisories" else bandit.look(Path())
    print("\n".join(report.lines))  # noqa: T201 - a command
    return report.code


if __name__ == "__main__":
    sys.exit(main())
