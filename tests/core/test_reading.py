"""Reading of text files: byte-order marks, encodings, and paths that are no ordinary file."""

import codecs
import os
import re

import pytest

from cevnsjax.core.disk.csv_file import read_csv_file
from cevnsjax.core.disk.reading import exists, read_text, read_toml
from cevnsjax.core.errors import DataError


def refused(read, path, said):
    with pytest.raises(DataError, match=re.escape(said)) as error:
        read(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_byte_order_mark_and_line_ends(tmp_path, mark, end):
    path = tmp_path / "a.csv"
    path.write_bytes(mark + b"# why" + end + b"x,y" + end + b"1,2" + end)
    assert read_text(path) == "# why\nx,y\n1,2\n"
    assert read_csv_file(path).names == ("x", "y")
    toml = tmp_path / "a.toml"
    toml.write_bytes(mark + b"x = 1" + end.replace(b"\r", b"") + b"y = 2")
    if end != b"\r":
        assert read_toml(toml) == {"x": 1, "y": 2}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_named(tmp_path, encoding):
    path = tmp_path / "a.toml"
    path.write_bytes("x = 1\n".encode(encoding))
    for read in (read_toml, read_csv_file):
        refused(read, path, "a.toml is in UTF-16 or binary, not in UTF-8; save it as UTF-8")


def test_bytes_of_old_spreadsheets(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("# µs\nx,note\n1,Grünwald\n".encode("cp1252"))
    assert read_csv_file(path).numbers("x").tolist() == [1.0]
    refused(read_toml, path, "a.csv is not valid TOML: line 1 is not in UTF-8; correct it")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = " + "9" * 5000, "is not valid TOML: Exceeds the limit"),
        ("x = " + "[" * 5000, "is not valid TOML: it is nested too deeply"),
        ("x = {" * 5000, "is not valid TOML: "),
        ("x = 1\nx = 2", "is not valid TOML: Cannot overwrite a value"),
        ("x", "is not valid TOML: "),
    ],
)
def test_toml_that_python_cannot_read(tmp_path, text, said):
    path = tmp_path / "a.toml"
    path.write_text(text)
    refused(read_toml, path, said)


def test_paths_that_are_no_files(tmp_path):
    refused(
        read_text, tmp_path / "none", "none cannot be read: there is no such file; correct the name"
    )
    refused(read_text, tmp_path, "is a folder; give an ordinary file")
    os.mkfifo(tmp_path / "pipe")
    refused(read_text, tmp_path / "pipe", "is a pipe; give an ordinary file")
    (tmp_path / "zero").symlink_to("/dev/zero")
    refused(read_text, tmp_path / "zero", "is a device; give an ordinary file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(read_text, tmp_path / "loop", "symbolic links; give another path")
    refused(read_text, tmp_path / ("a" * 5000), "File name too long; give another path")
    refused(exists, tmp_path / "a\0b", "is not a path; leave the character NUL away")
    assert not exists(tmp_path / "none" / "deeper")
    assert exists(tmp_path, "folder")
    assert not exists(tmp_path, "file")


def test_no_right_to_read(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")

    def denied(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", denied)
    refused(read_text, path, "a.csv cannot be read: Permission denied; check its rights")
    monkeypatch.setattr(type(path), "stat", denied)
    refused(exists, path, "a.csv cannot be read: Permission denied; give another path")


def test_large_files_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(2**26 + 1)
    refused(read_text, path, "a.csv is larger than 64 MiB; give a smaller file")
    monkeypatch.setattr("cevnsjax.core.disk.csv_file._MOST_ROWS", 3)
    path.write_text("x\n" + "1\n" * 4)
    refused(read_csv_file, path, "a.csv has 4 rows; limit 3")


def test_fields_that_are_no_numbers(tmp_path):
    path = tmp_path / "a.csv"
    for field, shown in (("ok", "'ok'"), ("nan", "'nan'"), ("9" * 5000, "'" + "9" * 56 + "...")):
        path.write_text(f"x,y\n1,{field}\n")
        table = read_csv_file(path)
        assert table.numbers("x").tolist() == [1.0]
        assert table.texts("y").tolist() == [field]
        refused(table.numbers, "y", f"a.csv line 2: y is {shown}; write a finite number")
