"""The digest of the source that figures were measured with: what Python reads of it, so no comment and no docstring.

It is taken from the files as they lie there, committed or not; of an earlier commit, from Git.
"""

from __future__ import annotations

import ast
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
UNKNOWN = ""
HAVE_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def digest_now(paths: Sequence[str], root: Path = ROOT) -> str:
    """Return the digest of Python files and folders of them, given from the project's root."""
    given = [root / path for path in paths]
    files = [file for one in given for file in (one.rglob("*.py") if one.is_dir() else [one])]
    return digest({file.relative_to(root).as_posix(): file.read_bytes() for file in files})


@cache
def digest_then(commit: str, paths: tuple[str, ...], root: Path = ROOT) -> str:
    """Return the digest that the same files had at a commit, `UNKNOWN` where Git does not tell, or files differed."""
    try:
        packed = subprocess.run(["git", "archive", commit, "--", *paths], check=True, capture_output=True, cwd=root)
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        members = {one.name: archive.extractfile(one) for one in archive if one.name.endswith(".py")}
        return digest({name: member.read() for name, member in members.items() if member is not None})


def digest(files: Mapping[str, bytes]) -> str:
    """Return the digest of Python files by their names."""
    whole = hashlib.sha256()
    for name, text in sorted(files.items()):
        whole.update(f"{name} {_meaning(text)}\n".encode())
    return whole.hexdigest()[:16]


@cache
def _meaning(text: bytes) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, HAVE_DOCSTRINGS) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
