"""Output files: checked before long work, never replaced unasked, written whole or not at all."""

import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cevnsjax.core.disk.temporary_files import delete_abandoned, temporary_beside
from cevnsjax.core.errors import InputError

FIGURES = (".png", ".pdf", ".svg")
"""Endings of figure files."""
_TRIAL_BYTES = 4096
# What file systems without hard links answer.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


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
    # A link to nothing is there, too.
    if os.path.lexists(target) and not overwrite:
        raise InputError(f"{target} exists; choose another name or pass --overwrite")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"folder {target.parent} is not writable; choose another")
    delete_abandoned(target.parent)
    try_to_write(target.parent)
    return target


def try_to_write(folder: Path) -> None:
    """Write a small file and delete it; an OSError says why that is impossible.

    It detects special and full file systems, which permissions do not show.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".cevnsjax-") as trial:
        trial.write(b"\0" * _TRIAL_BYTES)


def check_folder(path: str | Path, *, overwrite: bool) -> Path:
    """The path, if files can be written in a folder there; the folder itself may not exist yet."""
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is not a folder; choose another name")
    if not target.exists() and not target.absolute().parent.is_dir():
        raise InputError(f"folder {target.parent} does not exist; create it or choose another")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise InputError(f"folder {target} is not empty; choose another or pass --overwrite")
    place = target if target.exists() else target.absolute().parent
    if not os.access(place, os.W_OK):
        raise InputError(f"folder {target} is not writable; choose another")
    delete_abandoned(place)
    try:
        try_to_write(place)
    except OSError as problem:
        raise InputError(
            f"folder {target} cannot be written: {problem.strerror}; choose another place"
        ) from None
    return target


def make_folder(path: Path) -> None:
    """Make a folder if it does not exist."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as problem:
        raise InputError(
            f"folder {path} cannot be made: {problem.strerror}; choose another place"
        ) from None


def reserve(path: Path, size: int) -> None:
    """See that the disk has room for a file of ``size`` bytes; an OSError says that it has not.

    For libraries that end the program where a disk is full.
    """
    with path.open("r+b") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
            file.truncate(0)
        elif size > shutil.disk_usage(path.parent).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_output(path: Path, write: Callable[[Path], object], *, overwrite: bool) -> None:
    """``write_atomically`` for a result: an InputError says why it cannot be written."""
    try:
        write_atomically(path, write, overwrite=overwrite)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise InputError(
            f"{path} cannot be written: {reason}; make room there or choose another place"
        ) from None


def write_atomically(
    path: Path, write: Callable[[Path], object], *, overwrite: bool = True
) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then give that file its name.

    Without ``overwrite`` a file that has appeared there meanwhile stays as it is: an InputError
    names the file beside it that holds what was written.
    """
    with temporary_beside(path) as temporary:
        write(temporary)
        # Temporary files are private; the result gets the permissions of an ordinary new file.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        if overwrite:
            temporary.replace(path)
        elif not _named(temporary, path):
            others = (path.with_stem(f"{path.stem}-{k}") for k in itertools.count(1))
            other = next(place for place in others if _named(temporary, place))
            raise InputError(f"{path} has appeared meanwhile and is kept; the result is in {other}")


def _named(temporary: Path, path: Path) -> bool:
    """Give a file its name if no other has it; whether it has it now."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        return _reserved(temporary, path)
    return True


def _reserved(temporary: Path, path: Path) -> bool:
    """The same where there are no hard links: an empty file takes the name first."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    try:
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
    return True
