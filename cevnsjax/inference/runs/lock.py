"""One process at a time: a lock that its process holds, and that nobody has to clean up.

The kernel's lock on a file goes with the process that holds it, however it ends. Where a file
system knows no locks, a file with process number and host stands for one; those of processes that
are gone from this host are taken over.
"""

import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from cevnsjax.core.errors import RunError

try:
    import fcntl
except ImportError:  # pragma: no cover - where the system has none
    fcntl = None

# Somebody who only looks holds a lock for microseconds.
_ATTEMPTS, _PAUSE_S = 5, 0.02
# Files of this process, where they stand for locks.
_mine: set[Path] = set()


class Lock:
    """A lock on a file, held within a ``with``."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        """Prepare.

        Args:
            path: The file; it stays when the lock is gone.
            about: What others may want to know of the holder.
        """
        self._path, self._handle = path, -1
        host, pid = socket.gethostname(), os.getpid()
        self._about = {**about, "pid": pid, "host": host, "since": time.strftime("%F %T")}

    def __enter__(self) -> "Lock":
        if self._take_file_lock():
            os.truncate(self._handle, 0)
            os.write(self._handle, json.dumps(self._about).encode())
        else:
            self._take_by_name()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        name = _stand_in(self._path)
        if name in _mine:
            _mine.discard(name)
            name.unlink(missing_ok=True)

    def _take_file_lock(self) -> bool:
        """Whether the file system knows locks.

        Raises:
            RunError: If somebody else has it.
        """
        if fcntl is None:
            return False
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if attempt == _ATTEMPTS - 1:
                    os.close(handle)
                    raise self._taken(_content(self._path)) from None
                time.sleep(_PAUSE_S)
            except OSError:
                os.close(handle)
                return False
            else:
                break
        self._handle = handle
        return True

    def _take_by_name(self) -> None:
        name = _stand_in(self._path)
        for _ in range(_ATTEMPTS):
            try:
                handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                if _lives(name):
                    raise self._taken(_content(name), name) from None
                name.unlink(missing_ok=True)
                continue
            os.write(handle, json.dumps(self._about).encode())
            os.close(handle)
            _mine.add(name)
            return
        raise self._taken(_content(name), name)

    def _taken(self, holder: dict[str, Any], name: Path | None = None) -> RunError:
        who = f"process {holder.get('pid', '?')} on {holder.get('host', 'another host')}"
        since = f" since {holder['since']}" if "since" in holder else ""
        remedy = f"; if it is gone for certain, delete {name}" if name is not None else ""
        return RunError(
            f"{self._path.parent} is written by {who}{since}; wait for it, or choose another "
            f"folder{remedy}"
        )


def holder(path: Path) -> dict[str, Any] | None:
    """What the process that holds a lock says of itself; None if nobody does.

    Args:
        path: The lock's file.
    """
    name = _stand_in(path)
    if name.exists():
        return _content(name) if _lives(name) else None
    if fcntl is None or not path.exists():
        return None
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _content(path)
    except OSError:
        return None
    else:
        return None
    finally:
        os.close(handle)


def _stand_in(path: Path) -> Path:
    return path.with_suffix(".pid")


def _content(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _lives(name: Path) -> bool:
    """Whether the process of a file may still run: on another host nobody knows."""
    about = _content(name)
    pid = about.get("pid")
    if about.get("host") != socket.gethostname() or not isinstance(pid, int):
        return name.exists()
    if pid == os.getpid():
        # In a container that was started again numbers repeat.
        return name in _mine
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
