"""What was loaded is left alone by the garbage collector of a process that serves, and of every command."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, gc
from app.core import garbage
from app.main import create_app

async def serve():
    garbage.WARM_SECONDS = 0.2
    app = create_app()
    async with app.router.lifespan_context(app):
        at_first = gc.get_freeze_count()
        made = [[] for _ in range(50_000)]
        while gc.get_freeze_count() < at_first + len(made):
            await asyncio.sleep(0.05)
        return at_first

print(gc.get_freeze_count(), asyncio.run(asyncio.wait_for(serve(), 60)))
"""


def test_a_service_has_its_modules_left_alone_and_later_what_it_has_made_by_serving() -> None:
    """In a process of its own: the tests leave their own modules alone."""
    environment = os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    told = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    before, after = map(int, told.stdout.split())
    assert before == 0
    assert after > 100_000


COMMAND = """
import atexit, gc, sys

looked = []
gc.callbacks.append(lambda phase, found: looked.append(phase) if found["generation"] == 2 else None)
atexit.register(lambda: print(gc.isenabled(), len(looked), gc.get_freeze_count()))
sys.argv = ["creneau", *sys.argv[1:]]
from %s import main
main()
"""
"""Tells at its end whether garbage is looked for, how often it was among everything, and how much is left alone."""


@pytest.mark.parametrize(("module", "words"), [("app.cli", ["worker", "--help"]), ("seed.__main__", ["--help"])])
def test_a_command_looks_for_no_garbage_while_it_imports_what_it_needs(module: str, words: list[str]) -> None:
    told = subprocess.run([sys.executable, "-c", COMMAND % module, *words], capture_output=True, text=True, check=True)
    is_on, looked, left_alone = told.stdout.splitlines()[-1].split()
    assert is_on == "True"
    assert int(looked) == 0
    assert int(left_alone) > 100_000
