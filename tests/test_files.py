"""Output files: bad paths are refused before work, files are complete or not written."""

import os
import stat

import pytest

from cevnsjax.core.errors import InputError
from cevnsjax.core.files import FIGURES, check_output, write_atomically


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
