"""One process at a time: a lock that goes with the process that holds it.

The operating system releases the lock of a process that is killed. Where the file system has no
locks a file beside it stands for one, and that of a process that is gone from this host is taken
over (``filelock``).
"""

import errno
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from cevnsjax.core.errors import RunError

# A process that only looks holds a lock for less than this.
_TIMEOUT_S, _POLL_S = 0.1, 0.02
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


def lock(path: Path, timeout_s: float = _TIMEOUT_S) -> BaseFileLock:
    """Take a lock; a RunError says that another process holds it."""
    try:
        return _acquired(FileLock(path), timeout_s, "")
    except OSError as problem:
        if problem.errno not in _NO_LOCKS:
            raise
    file = _soft_file(path)
    remedy = f"; if no process works there, delete {file}"
    return _acquired(SoftFileLock(file), timeout_s, remedy)


def _acquired(file_lock: BaseFileLock, timeout_s: float, remedy: str) -> BaseFileLock:
    try:
        file_lock.acquire(timeout_s, poll_interval=_POLL_S)
    except Timeout:
        folder = Path(file_lock.lock_file).parent
        raise RunError(
            f"another process writes to {folder}; wait for it, or choose another folder{remedy}"
        ) from None
    return file_lock


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock."""
    if not path.exists() and not _soft_file(path).exists():
        return False
    try:
        lock(path, timeout_s=0.0).release()
    except RunError:
        return True
    return False


def _soft_file(path: Path) -> Path:
    return path.with_suffix(".soft")
