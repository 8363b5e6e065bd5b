"""Output files: bad paths are refused before work, files are complete or not written."""

import errno
import os
import resource
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cevnsjax.core.disk.files import (
    FIGURES,
    check_folder,
    check_output,
    reserve,
    write_atomically,
    write_output,
)
from cevnsjax.core.disk.temporary_files import delete_abandoned, temporary_beside
from cevnsjax.core.errors import InputError
from cevnsjax.inference.scans.netcdf import write_netcdf


def test_a_good_path_comes_back(tmp_path):
    assert check_output(tmp_path / "a.png", overwrite=False, suffixes=FIGURES) == tmp_path / "a.png"
    assert check_output(str(tmp_path / "A.PNG"), overwrite=False, suffixes=FIGURES).name == "A.PNG"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.bmp", r"unknown ending '.bmp'; use one of .png, .pdf, .svg"),
        ("a", "no ending"),
        ("there.png", "exists; choose another name or pass --overwrite"),
        ("folder.png", "is a folder"),
        ("nowhere/a.png", "nowhere does not exist"),
    ],
)
def test_a_bad_path_is_refused(tmp_path, name, message):
    (tmp_path / "there.png").write_text("keep")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=message):
        check_output(tmp_path / name, overwrite=False, suffixes=FIGURES)


def test_overwrite_replaces_files_but_not_folders(tmp_path):
    (tmp_path / "there.png").write_text("old")
    (tmp_path / "folder.png").mkdir()
    check_output(tmp_path / "there.png", overwrite=True, suffixes=FIGURES)
    with pytest.raises(InputError, match="is a folder"):
        check_output(tmp_path / "folder.png", overwrite=True, suffixes=FIGURES)


def test_a_folder_without_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="not writable"):
        check_output(tmp_path / "a.png", overwrite=False, suffixes=FIGURES)


def test_written_whole_with_ordinary_permissions(tmp_path):
    target = tmp_path / "a.json"
    write_atomically(target, lambda p: p.write_text("new"))
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    ordinary = tmp_path / "b.json"
    ordinary.write_text("")
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_the_writer_sees_the_ending_and_the_folder(tmp_path):
    seen = []
    write_atomically(tmp_path / "a.nc", lambda p: (seen.append(p), p.write_text("x")))
    assert seen[0].suffix == ".nc"
    assert seen[0].parent == tmp_path
    assert seen[0].name != "a.nc"


def test_a_failure_leaves_nothing_and_keeps_the_old(tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old")

    def fail(path):
        path.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_atomically(target, fail)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


# --- a file that appears while the work is done ---


def refuse_links(*_):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_has_appeared_meanwhile_is_kept(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", refuse_links)
    target = check_output(tmp_path / "a.json", overwrite=False, suffixes=(".json",))
    for k, other in enumerate(("a-1.json", "a-2.json"), 1):
        target.write_text("another's")
        with pytest.raises(InputError, match=rf"a.json has appeared meanwhile.*{other}$"):
            write_output(target, lambda p, k=k: p.write_text(f"mine {k}"), overwrite=False)
        assert target.read_text() == "another's"
        assert (tmp_path / other).read_text() == f"mine {k}"
    write_output(target, lambda p: p.write_text("mine"), overwrite=True)
    assert target.read_text() == "mine"
    write_output(tmp_path / "b.json", lambda p: p.write_text("new"), overwrite=False)
    names = ["a-1.json", "a-2.json", "a.json", "b.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    assert stat.S_IMODE((tmp_path / "b.json").stat().st_mode) & 0o444 == 0o444


def test_a_link_to_nothing_is_there(tmp_path):
    (tmp_path / "a.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="exists; choose another name"):
        check_output(tmp_path / "a.json", overwrite=False, suffixes=(".json",))


# --- what killed writers leave ---

WRITER = """
import sys, time
from pathlib import Path
from cevnsjax.core.disk.files import write_atomically
def write(part):
    part.write_text("half")
    print(part.name, flush=True)
    time.sleep(100)
write_atomically(Path(sys.argv[1]), write)
"""


def test_files_of_killed_writers_are_deleted_and_those_of_living_ones_kept(tmp_path):
    target = tmp_path / "result.json"
    words = [sys.executable, "-c", WRITER, str(target)]
    killed, living = (subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2))
    gone, kept = (p.stdout.readline().strip() for p in (killed, living))
    killed.kill()
    killed.communicate()
    (tmp_path / ".result-cevnsjax-00000000-1-x.json").write_text("of another machine")
    (tmp_path / ".note-cevnsjax-mine.txt").write_text("not ours")
    try:
        assert (tmp_path / gone).exists()
        with temporary_beside(target) as own:
            check_output(target, overwrite=False, suffixes=(".json",))
            assert own.exists()
        assert not (tmp_path / gone).exists()
        assert (tmp_path / kept).exists()
    finally:
        living.kill()
        living.communicate()
    check_folder(tmp_path, overwrite=True)
    others = [".note-cevnsjax-mine.txt", ".result-cevnsjax-00000000-1-x.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == others


def test_a_number_that_this_process_took_over(tmp_path):
    """A file with the number of this process that nobody here writes is abandoned."""
    with temporary_beside(tmp_path / "a.json") as own:
        copy = own.with_name(own.name.replace("-cevnsjax-", "2-cevnsjax-"))
        copy.write_text("")
        delete_abandoned(tmp_path)
        assert own.exists()
        assert not copy.exists()


def test_long_names(tmp_path):
    target = tmp_path / ("\N{GREEK SMALL LETTER ALPHA}" * 120 + ".json")
    write_output(target, lambda p: p.write_text("x"), overwrite=False)
    assert target.read_text() == "x"


# --- disks that take no more ---


@contextmanager
def files_up_to(size):
    """The system refuses to write more into a file, as on a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_full_disk_is_found_before_the_work(tmp_path):
    with files_up_to(1000):
        with pytest.raises(InputError, match=r"a.json cannot be written: File too large; choose"):
            check_output(tmp_path / "a.json", overwrite=False, suffixes=(".json",))
        with pytest.raises(InputError, match=r"cannot be written: File too large; choose another"):
            check_folder(tmp_path, overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [5_000, 100_000])
def test_a_disk_that_has_filled_up_is_one_line(tmp_path, size):
    """HDF5 would end the program there: room is taken before it writes."""
    table = xr.Dataset({"x": ("toy", np.arange(10_000.0))})
    with files_up_to(size):
        for write in (
            lambda: write_output(
                tmp_path / "a.json", lambda p: p.write_text("x" * size * 2), overwrite=False
            ),
            lambda: write_netcdf(tmp_path / "a.nc", table, overwrite=False),
        ):
            with pytest.raises(InputError, match=r"cannot be written: File too large; make room"):
                write()
    assert list(tmp_path.iterdir()) == []
    write_netcdf(tmp_path / "a.nc", table, overwrite=False)
    with xr.open_dataset(tmp_path / "a.nc") as stored:
        assert stored.identical(table)


def test_room_is_asked_for_and_given_back(tmp_path):
    path = tmp_path / "a"
    path.touch()
    reserve(path, 10_000)
    assert path.stat().st_size == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_that_is_always_full(tmp_path):
    (tmp_path / "a.json").symlink_to("/dev/full")
    with pytest.raises(InputError, match="exists"):
        check_output(tmp_path / "a.json", overwrite=False, suffixes=(".json",))
