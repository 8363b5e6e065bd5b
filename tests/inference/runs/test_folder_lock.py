"""One run at a time writes to a folder; its lock is released however its process ends."""

import errno
import fcntl
import signal
import subprocess
import sys

import pytest
from support.run_folder import missing_blocks, new_run

from cevnsjax.core.errors import RunError
from cevnsjax.inference.runs.folder_lock import is_locked, lock

HOLD = """
import sys, time
from cevnsjax.inference.runs.run import Run
with Run(sys.argv[1], {"seed": 3}, 4, processes=(0, int(sys.argv[2]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process works in, and that process."""

    def hold(count=1):
        command = [sys.executable, "-c", HOLD, str(tmp_path / "run"), str(count)]
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        others.append(other)
        assert other.stdout.readline() == "held\n"
        return tmp_path / "run", other

    others = []
    yield hold
    for other in others:
        other.kill()
        other.wait()
        other.stdout.close()


def test_two_runs_on_one_folder_are_refused(held):
    folder, other = held()
    again = {"configuration": {"seed": 3}, "resume": True}
    with pytest.raises(RunError, match=f"another process writes to {folder}; wait for it, or choo"):
        new_run(folder, **again).__enter__()
    with pytest.raises(RunError, match=r"a run by 1 processes writes to .*, this is one of 2"):
        new_run(folder, processes=(1, 2), **again).__enter__()
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert missing_blocks(folder, configuration={"seed": 3}) == [0, 1, 2, 3]


def test_two_runs_of_one_process_are_refused(tmp_path):
    path = tmp_path / "run" / "process-0-of-1.lock"
    with new_run(tmp_path / "run"):
        with pytest.raises(RunError, match="another process writes to"):
            new_run(tmp_path / "run", resume=True).__enter__()
        assert is_locked(path)
    assert not is_locked(path)


HOLD_WITHOUT_LOCKS = """
import errno, fcntl, sys, time
from pathlib import Path
from cevnsjax.inference.runs.folder_lock import lock

def no_locks(*_):
    raise OSError(errno.ENOLCK, "No locks available")

fcntl.flock = no_locks
held = lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def no_locks(*_):
    raise OSError(errno.ENOLCK, "No locks available")


def test_where_there_are_no_file_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", no_locks)
    path, file = tmp_path / "a.lock", tmp_path / "a.soft"
    taken = lock(path)
    assert file.exists()
    assert is_locked(path)
    with pytest.raises(RunError, match=r"if no process works there, delete .*a.soft"):
        lock(path)
    taken.release()
    assert not file.exists()
    assert not is_locked(path)
    # A killed process of this host leaves no lock that a user must remove.
    command = [sys.executable, "-c", HOLD_WITHOUT_LOCKS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert is_locked(path)
        other.send_signal(signal.SIGKILL)
    assert not is_locked(path)
    lock(path).release()
