"""Output files: checked before long work, never replaced unasked, written whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from cevnsjax.core.errors import InputError

FIGURES = (".png", ".pdf", ".svg")
"""Endings of figure files."""


def check_output(path: str | Path, *, overwrite: bool, suffixes: Sequence[str]) -> Path:
    """The path, if a file can be written there with one of the ``suffixes``, e.g. (".png",)."""
    target = Path(path)
    try:
        return _checked(target, overwrite, suffixes)
    except OSError as problem:
        raise InputError(
            f"{target} cannot be written: {problem.strerror}; choose another place"
        ) from None


def _checked(target: Path, overwrite: bool, suffixes: Sequence[str]) -> Path:
    if target.suffix.lower() not in suffixes:
        got = f"the unknown ending {target.suffix!r}" if target.suffix else "no ending"
        raise InputError(f"{target} has {got}; use one of {', '.join(suffixes)}")
    if not target.parent.is_dir():
        raise InputError(f"folder {target.parent} does not exist; create it or choose another")
    if target.is_dir():
        raise InputError(f"{target} is a folder; choose another name")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists; choose another name or pass --overwrite")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"folder {target.parent} is not writable; choose another")
    # A trial also detects special and full file systems, which permissions do not show.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".cevnsjax-")
    os.close(handle)
    Path(name).unlink()
    return target


def check_folder(path: str | Path, *, overwrite: bool) -> Path:
    """The path, if files can be written in a folder there; the folder itself may not exist yet."""
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is not a folder; choose another name")
    if not target.exists() and not target.absolute().parent.is_dir():
        raise InputError(f"folder {target.parent} does not exist; create it or choose another")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise InputError(f"folder {target} is not empty; choose another or pass --overwrite")
    if not os.access(target if target.exists() else target.absolute().parent, os.W_OK):
        raise InputError(f"folder {target} is not writable; choose another")
    return target


def make_folder(path: Path) -> None:
    """Make a folder if it does not exist."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as problem:
        raise InputError(
            f"folder {path} cannot be made: {problem.strerror}; choose another place"
        ) from None


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename that file to ``path``."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        # mkstemp makes private files; the result gets the permissions of an ordinary new file.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
