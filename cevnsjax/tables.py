"""Data tables of the project, in wheel or checkout: finding, verifying and parsing them.

Each data set is one folder with a ``manifest.toml`` that names every file, its SHA-256, its rows
and its columns with units. A file that differs from its manifest is not read. A file is hashed
with LF line ends, so that a checkout which rewrites line ends still verifies. ``root`` is a data
folder to use instead of the shipped one.
"""

import hashlib
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cevnsjax.core.disk.csv_file import read_csv_file
from cevnsjax.core.errors import DataError, InputError, UnknownNameError

MANIFEST = "manifest.toml"
# Texts and the manifest itself are not data and may be edited without a new hash.
_UNHASHED = frozenset({MANIFEST, "README.md"})
_RESTORE = "reinstall cevnsjax, or restore the file from version control"


@dataclass(frozen=True)
class FileStatus:
    """Result of ``verify`` for one file; ``detail`` is empty if the status is ``ok``."""

    dataset: str
    file: str
    status: Literal["ok", "missing", "changed", "unlisted"]
    detail: str = ""


def datasets(*, root: Path | None = None) -> tuple[str, ...]:
    """Names of the data sets, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in _root(root).glob(f"*/{MANIFEST}")))


def read_csv(dataset: str, file: str, *, root: Path | None = None) -> dict[str, np.ndarray]:
    """One table as read-only columns: float64, or str where the manifest says ``type = "text"``.

    Args:
        dataset: Name of the data set, one of ``datasets()``.
        file: Name of the CSV file in it; the manifest gives the units of its columns.
        root: Data folder to use instead of the shipped one.

    Raises:
        UnknownNameError: No such data set, or no such file in it.
        InputError: The file is not a table.
        DataError: The file is missing, malformed or differs from its manifest.
    """
    path, entry = _verified(dataset, file, root, is_table=True)
    kinds = tuple((column["name"], column.get("type") == "text") for column in entry["columns"])
    return dict(_checked_csv(path, entry["sha256"], kinds, entry.get("rows")))


def read_toml(dataset: str, file: str, *, root: Path | None = None) -> dict[str, Any]:
    """The content of one TOML file, after its SHA-256 was checked; units are in its key names.

    Raises:
        UnknownNameError: No such data set, or no such file in it.
        InputError: The file is a table.
        DataError: The file is missing, malformed or differs from its manifest.
    """
    return _parse_toml(_verified(dataset, file, root, is_table=False)[0])


def parse_csv(path: Path, *, text: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Read-only columns of any CSV file with one header line; needs no manifest.

    Args:
        path: File; lines that begin with ``#`` and empty lines are skipped.
        text: Names of the columns to keep as str; all others must be finite numbers.

    Raises:
        DataError: No file or header, a repeated name, a ragged line, a non-number.
    """
    file = read_csv_file(path)
    return {n: file.texts(n) if n in text else file.numbers(n) for n in file.names}


def verify(dataset: str | None = None, *, root: Path | None = None) -> list[FileStatus]:
    """Compare the files of one data set, or of all, with their manifests.

    Raises:
        UnknownNameError: No such data set.
        DataError: No data folder.
    """
    if dataset is not None:
        return _verify_folder(_folder(dataset, root))
    folders = sorted(path for path in _root(root).iterdir() if path.is_dir())
    return [status for folder in folders for status in _verify_folder(folder)]


def describe(*, root: Path | None = None) -> list[dict[str, Any]]:
    """Name, title, source, licence and files of every data set, for ``cevnsjax data list``."""
    manifests = {name: _manifest(_folder(name, root)) for name in datasets(root=root)}
    return [
        {"name": name}
        | {key: manifest[key] for key in ("title", "source", "licence")}
        | {"files": [entry["name"] for entry in manifest["files"]]}
        for name, manifest in manifests.items()
    ]


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file with LF line ends, as in the manifests; DataError if absent."""
    return hashlib.sha256(_read_text(path).encode("utf-8", "surrogateescape")).hexdigest()


def _root(root: Path | None) -> Path:
    installed = Path(__file__).resolve().parent / "_data"
    place = root or (installed if installed.is_dir() else installed.parents[1] / "data")
    if not place.is_dir():
        raise DataError(f"no data folder at {place}; {_RESTORE}")
    return place


def _folder(dataset: str, root: Path | None) -> Path:
    names = datasets(root=root)
    if dataset not in names:
        raise UnknownNameError("data set", dataset, names)
    return _root(root) / dataset


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    manifest = _parse_toml(path)
    if lacking := {"title", "source", "licence", "files"} - manifest.keys():
        raise DataError(f"{path} lacks {', '.join(sorted(lacking))}; {_RESTORE}")
    if not all({"name", "sha256"} <= entry.keys() for entry in manifest["files"]):
        raise DataError(f"{path} has a [[files]] entry without name or sha256; {_RESTORE}")
    return manifest


def _verified(
    dataset: str, file: str, root: Path | None, *, is_table: bool
) -> tuple[Path, dict[str, Any]]:
    folder = _folder(dataset, root)
    path, entries = folder / file, {entry["name"]: entry for entry in _manifest(folder)["files"]}
    if file not in entries:
        raise UnknownNameError(f"file of data set {dataset}", file, entries)
    if ("columns" in entries[file]) != is_table:
        remedy = "is not a table; use read_toml" if is_table else "is a table; use read_csv"
        raise InputError(f"{dataset}/{file} {remedy}")
    if detail := _difference(path, entries[file]["sha256"]):
        raise DataError(detail)
    return path, entries[file]


def _verify_folder(folder: Path) -> list[FileStatus]:
    name = folder.name
    try:
        entries = {entry["name"]: entry["sha256"] for entry in _manifest(folder)["files"]}
    except DataError as error:
        exists = (folder / MANIFEST).is_file()
        return [FileStatus(name, MANIFEST, "changed" if exists else "missing", str(error))]
    out = []
    for file, sha256 in entries.items():
        if not (folder / file).is_file():
            out.append(FileStatus(name, file, "missing", _RESTORE))
            continue
        detail = _difference(folder / file, sha256)
        out.append(FileStatus(name, file, "changed" if detail else "ok", detail))
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    hint = f"remove it, or list it in {MANIFEST}"
    extra = sorted(present - entries.keys() - _UNHASHED)
    return out + [FileStatus(name, file, "unlisted", hint) for file in extra]


# The caller has just checked that the file's hash is ``_sha256``, so that no entry is stale.
@lru_cache(maxsize=128)
def _checked_csv(
    path: Path, _sha256: str, kinds: tuple[tuple[str, bool], ...], rows: int | None
) -> dict[str, np.ndarray]:
    table = parse_csv(path, text=[name for name, is_text in kinds if is_text])
    names = [name for name, _ in kinds]
    if list(table) != names:
        raise DataError(f"{path} has the columns {list(table)}, manifest {names}; {_RESTORE}")
    if (count := len(table[names[0]])) != rows:
        raise DataError(f"{path} has {count} rows, manifest {rows}; {_RESTORE}")
    return table


def _difference(path: Path, sha256: str) -> str:
    if (actual := file_sha256(path)) == sha256:
        return ""
    return f"{path} has SHA-256 {actual[:12]}, manifest {sha256[:12]}; {_RESTORE}"


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {_RESTORE}") from error
    # Spreadsheets put a byte-order mark before the first column's name.
    text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return text.replace("\r\n", "\n")


def _parse_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not valid TOML ({error}); {_RESTORE}") from error
