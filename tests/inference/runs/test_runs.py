"""Run folders: blocks that are whole or not there, one run at a time, the same run or none."""

import errno
import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property, partial

import jax
import numpy as np
import pytest

from cevnsjax.core.errors import InputError, RunError
from cevnsjax.inference.runs import lock as run_lock
from cevnsjax.inference.runs import run as run_folder
from cevnsjax.inference.runs.blocks import block_ranges
from cevnsjax.inference.runs.fingerprint import diff, digest, to_plain
from cevnsjax.inference.runs.lock import Lock, holder
from cevnsjax.inference.runs.processes import start
from cevnsjax.inference.runs.run import Run

ASKED = {"seed": 3, "axes": {"x": np.linspace(0, 1, 5)}, "fixed": {"y": 0.5}}


def begun(folder, blocks=4, *, asked=ASKED, **options):
    return Run(folder, asked, blocks, **options)


def content(k):
    return {"a": np.arange(6.0).reshape(2, 3) + k, "b": np.array([True, False])}


@pytest.fixture
def complete(tmp_path):
    with begun(tmp_path / "run") as run:
        for k in list(run.missing):
            run.write(k, content(k))
    return tmp_path / "run"


def missing_of(folder, **options):
    with begun(folder, resume=True, **options) as run:
        return list(run.missing)


# --- blocks ---


def test_blocks_come_back(complete):
    with begun(complete, resume=True) as run:
        assert run.missing == []
        for k in range(4):
            found = run.read(k)
            assert list(found) == ["a", "b"]
            for name, array in content(k).items():
                np.testing.assert_array_equal(found[name], array)
                assert found[name].dtype == array.dtype


def test_each_file_has_its_sum_beside_it(complete):
    for path in complete.glob("*.npz"):
        line = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        assert path.with_suffix(".sha256").read_text() == line


def test_the_manifest_has_a_sum_of_its_own(complete):
    found = json.loads((complete / "manifest.json").read_text())
    assert found.pop("format") == 1
    text = json.dumps(
        {n: x for n, x in found.items() if n != "sha256"}, sort_keys=True, separators=(",", ":")
    )
    assert found["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert found["seed"] == 3
    assert found["blocks"] == 4
    assert found["fixed"] == {"y": 0.5}
    assert found["axes"]["x"]["sha256"] == hashlib.sha256(np.linspace(0, 1, 5)).hexdigest()
    assert set(found["software"]) == {"cevnsjax", "jax", "numpy", "python", "backend"}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.write_bytes(b"")


def flip_a_bit(path):
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(bytes(body))


def delete(path):
    path.unlink()


@pytest.mark.parametrize("suffix", [".npz", ".sha256"])
@pytest.mark.parametrize("harm", [truncate, empty, flip_a_bit, delete])
def test_a_damaged_block_is_made_again(complete, harm, suffix):
    harm(complete / f"block-000002{suffix}")
    with begun(complete, resume=True) as run:
        assert run.missing == [2]
        with pytest.raises(RunError, match=r"block-000002.npz is missing or damaged; run again"):
            run.read(2)
        run.write(2, content(2))
        np.testing.assert_array_equal(run.read(2)["a"], content(2)["a"])
    assert missing_of(complete) == []


def test_blocks_that_changed_places_are_no_blocks(complete):
    for suffix in (".npz", ".sha256"):
        one, other = (complete / f"block-00000{k}{suffix}" for k in (0, 1))
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)
    assert missing_of(complete) == [0, 1]


def test_what_a_killed_process_began_to_write_goes(complete):
    for name in (".block-000001-x3_.npz", ".block-000002-k.sha256"):
        (complete / name).write_bytes(b"half")
    with begun(complete, resume=True, processes=(0, 2)):
        # Block 1 is the other process's: it may be writing it.
        assert [p.name for p in complete.glob(".block*")] == [".block-000001-x3_.npz"]


def test_work_is_shared_out_by_process(complete):
    for path in complete.glob("*.sha256"):
        path.unlink()
    assert missing_of(complete, processes=(0, 3)) == [0, 3]
    assert missing_of(complete, processes=(1, 3)) == [1]
    assert missing_of(complete, processes=(2, 3)) == [2]


@pytest.mark.parametrize("total", [1, 2, 7, 4096, 4097, 97657])
@pytest.mark.parametrize("size", [1, 3])
def test_blocks_cover_all_pieces_once(total, size):
    blocks = block_ranges(total, size)
    assert [k for block in blocks for k in block] == list(range(total))
    assert len(blocks) <= 4096
    assert {len(b) for b in blocks[:-1]} <= {len(blocks[0])}
    assert total < size or len(blocks[0]) >= size


# --- what stops a run ---


def test_a_folder_with_a_run_needs_resume(complete):
    with pytest.raises(InputError, match=r"run holds a run; go on with it by resume=True \(--res"):
        begun(complete).__enter__()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, "seed: 3 in the folder, 4 now; choose another folder"),
        ({"fixed": {"y": 0.25}}, "fixed.y: 0.5 in the folder, 0.25 now"),
        ({"fixed": {}}, 'fixed.y: 0.5 in the folder, "absent" now'),
        ({"axes": {"x": np.linspace(0, 1, 6)}}, r"axes.x.shape: \[5\] in the folder, \[6\] now"),
        ({"axes": {"x": np.linspace(0, 2, 5)}}, "axes.x.sha256"),
        ({"z": 1}, 'z: "absent" in the folder, 1 now'),
    ],
)
def test_another_run_is_refused_by_field(complete, change, message):
    with pytest.raises(InputError, match=message):
        begun(complete, asked={**ASKED, **change}, resume=True).__enter__()
    assert missing_of(complete) == []


def test_other_blocks_and_software_are_another_run(complete, monkeypatch):
    with pytest.raises(InputError, match="blocks: 4 in the folder, 5 now"):
        begun(complete, 5, resume=True).__enter__()
    monkeypatch.setattr(run_folder, "software", lambda: {"jax": "0"})
    with pytest.raises(InputError, match=r"software.jax: .* in the folder, .0. now"):
        begun(complete, resume=True).__enter__()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no", "is no manifest of a run"),
        ("[1]", "is no manifest of a run"),
        ('{"format": 2}', "format 2, known is 1"),
        ('{"format": 1, "sha256": "x", "seed": 3}', "is damaged"),
    ],
)
def test_a_damaged_manifest_is_refused(complete, text, message):
    (complete / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=message):
        begun(complete, resume=True).__enter__()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "nowhere" / "run", "/proc/run"):
        with pytest.raises(InputError, match=r"cannot be written: .*; choose another place"):
            begun(place).__enter__()


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written: Permission denied"):
        begun(tmp_path / "run").__enter__()
    tmp_path.chmod(0o700)


def test_files_that_cannot_grow(tmp_path):
    """The kernel refuses to write on, as on a full disk; what is finished stays."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    with begun(tmp_path / "run") as run:
        run.write(0, content(0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, old[1]))
        try:
            with pytest.raises(RunError, match=r"block-000001.npz cannot be written: .*--resume"):
                run.write(1, {"a": np.zeros(10_000)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert missing_of(tmp_path / "run") == [1, 2, 3]
    assert not list((tmp_path / "run").glob(".block*"))


# --- one run at a time ---

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
    again = {"asked": {"seed": 3}, "resume": True}
    words = f"is written by process {other.pid} on {socket.gethostname()} since .*; wait for it"
    with pytest.raises(RunError, match=words):
        begun(folder, **again).__enter__()
    with pytest.raises(RunError, match=r"is written by 1 processes, .* this is one of 2"):
        begun(folder, processes=(1, 2), **again).__enter__()
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert missing_of(folder, asked={"seed": 3}) == [0, 1, 2, 3]


def test_two_runs_of_one_process_are_refused(tmp_path):
    with begun(tmp_path / "run"):
        with pytest.raises(RunError, match=f"is written by process {os.getpid()}"):
            begun(tmp_path / "run", resume=True).__enter__()
        assert holder(tmp_path / "run" / "process-0.lock")["pid"] == os.getpid()
    assert holder(tmp_path / "run" / "process-0.lock") is None


def no_locks(*_):
    raise OSError(errno.ENOLCK, "No locks available")


def test_where_there_are_no_file_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(run_lock.fcntl, "flock", no_locks)
    path, name = tmp_path / "a.lock", tmp_path / "a.pid"
    with Lock(path, {}):
        assert holder(path)["pid"] == os.getpid()
        with pytest.raises(RunError, match=r"if it is gone for certain, delete .*a.pid"):
            Lock(path, {}).__enter__()
    assert not name.exists()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    # A dead process of this host is no hindrance, nor a container's that had this number.
    for pid in (gone.pid, os.getpid()):
        name.write_text(json.dumps({"host": socket.gethostname(), "pid": pid}))
        assert holder(path) is None
        with Lock(path, {}):
            assert json.loads(name.read_text())["pid"] == os.getpid()
    # Nobody knows of other hosts, and a living process is respected.
    for who in ({"host": "elsewhere", "pid": gone.pid}, {"host": socket.gethostname(), "pid": 1}):
        name.write_text(json.dumps(who))
        with pytest.raises(RunError, match=f"process {who['pid']} on {who['host']}"):
            Lock(path, {}).__enter__()


# --- several processes ---


def test_a_process_that_went_away_is_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_folder, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(run_folder, "_QUIET_S", 0.1)
    monkeypatch.setattr(run_folder, "_LOOK_S", 0.05)
    with pytest.raises(RunError, match="the first of 2 processes has not begun"):
        begun(tmp_path / "run", processes=(1, 2)).__enter__()
    with begun(tmp_path / "run", processes=(0, 2)) as run:
        for k in list(run.missing):
            run.write(k, content(k))
        began = time.monotonic()
        with pytest.raises(RunError, match="process 1 of 2 does not run and block 1 of 4 is miss"):
            run.wait()
        assert time.monotonic() - began >= 0.2
        assert capsys.readouterr().err.count("waiting for process 1 of 2 in ") == 1
        # The other one needs no resume: the first has begun the run.
        with begun(tmp_path / "run", processes=(1, 2)) as other:
            for k in list(other.missing):
                other.write(k, content(k))
        run.wait()


@pytest.mark.parametrize("words", ["", "4/4", "-1/2", "1", "a/b", "1/2/3", "1.0/2"])
def test_words_that_name_no_process(words):
    with pytest.raises(InputError, match=r"should read K/N .* e.g. 0/4, or auto"):
        start(words)


@pytest.mark.parametrize("count", [0, -1, True, 2.0, 5000, "2"])
def test_numbers_that_are_no_devices(count):
    with pytest.raises(InputError, match="devices must be a whole number from 1 to 4096"):
        start(devices=count)


def test_more_devices_than_there_are():
    jax.devices()
    with pytest.raises(InputError, match="4000 devices are asked for and 1 of kind cpu are there"):
        start(devices=4000)


def test_no_launcher():
    with pytest.raises(InputError, match="no launcher says which process this is"):
        start("auto")


# --- configurations ---


def power(n):
    return lambda x: x**n


@dataclass
class Thing:
    x: float
    f: object = None

    @cached_property
    def later(self):
        return self.x + 1


class Plain:
    def __init__(self, x):
        self.x, self._kept = x, {}

    @cached_property
    def later(self):
        return 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, 1.0 + 2**-52),
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros(3), np.zeros(3, dtype=np.float32)),
        (power(2), power(3)),
        (lambda x: x + 1, lambda x: x + 2),
        (partial(max, 1), partial(max, 2)),
        (Thing(1.0), Thing(2.0)),
        (Thing(1.0, power(2)), Thing(1.0, power(3))),
        (Plain(1), Plain(2)),
        (float("inf"), float("nan")),
        ([1, 2], [2, 1]),
        (int, float),
    ],
    ids=lambda _: "",
)
def test_what_differs_has_another_sum(one, other):
    assert digest({"a": to_plain(one)}) != digest({"a": to_plain(other)})
    assert diff(to_plain(one), to_plain(other), "a")


def test_caches_and_the_order_of_names_do_not_count():
    one, other = [Thing(1.0), Plain(2)], [Thing(1.0), Plain(2)]
    assert [x.later for x in one] == [2.0, 1]
    one[1]._kept["a"] = 1
    assert to_plain(one) == to_plain(other)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert to_plain({2, 1}) == to_plain({1, 2})


def test_lists_are_compared_one_by_one():
    old, new = ([{"x": 1, "y": 2}, {"x": k}] for k in (3, 4))
    assert diff(old, new, "a") == ["a.1.x: 3 in the folder, 4 now"]
