"""Files that are written under a passing name, which says which process writes them.

A process that is killed leaves its file behind; the next one deletes it, once its writer is gone.
"""

import hashlib
import os
import platform
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock

_MARK = "-cevnsjax-"
_NAME = re.compile(rf"\..*{_MARK}([0-9a-f]{{8}})-(\d+)-[^.]*(\.[^.]*)?")
# File systems limit names to 255 bytes.
_MAX_CHARACTERS = 40
_in_use: set[Path] = set()
_beginning = Lock()


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A new file in the folder of ``path`` with its ending; deleted at the end if still there."""
    stem = path.stem[:_MAX_CHARACTERS]
    prefix = f".{stem}{_MARK}{_machine()}-{os.getpid()}-"
    with _beginning:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=path.suffix)
        temporary = Path(name)
        _in_use.add(temporary.absolute())
    os.close(handle)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        _in_use.discard(temporary.absolute())


def delete_unfinished() -> None:
    """Delete what this process is writing, before it ends without waiting for its threads.

    No thread can begin another file afterwards.
    """
    _beginning.acquire()
    for path in tuple(_in_use):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def delete_abandoned(folder: Path) -> None:
    """Delete what killed processes of this machine were writing in a folder."""
    # Elsewhere there is no way to ask for a process that does not harm it.
    if os.name != "posix":
        return
    with suppress(OSError):
        for path in folder.glob(f".*{_MARK}*"):
            name = _NAME.fullmatch(path.name)
            if name is not None and name[1] == _machine() and not _is_written(path, int(name[2])):
                path.unlink(missing_ok=True)


def _is_written(path: Path, process: int) -> bool:
    """Whether the process that began a file may still write it."""
    if process == os.getpid():
        return path.absolute() in _in_use
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        # Another user's.
        return True
    return True


@cache
def _machine() -> str:
    """Where numbers of processes mean the same processes: a host, or a container of it."""
    with suppress(OSError):
        return _digits(f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}")
    return _digits(platform.node())


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
