"""What was loaded is left alone by the garbage collector of a process that serves."""

import os
import subprocess
import sys

PROGRAM = """
import asyncio, gc
from app.main import create_app

async def serve():
    app = create_app()
    async with app.router.lifespan_context(app):
        return gc.get_freeze_count()

print(gc.get_freeze_count(), asyncio.run(serve()))
"""


def test_a_service_that_has_started_has_its_modules_left_alone() -> None:
    """In a process of its own: the tests leave their own modules alone."""
    environment = os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    told = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    before, after = map(int, told.stdout.split())
    assert before == 0
    assert after > 100_000
