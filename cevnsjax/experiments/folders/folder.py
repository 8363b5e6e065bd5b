"""The folder of a user's experiment: its TOML file and CSV tables; messages name the remedy."""

import csv
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.core.errors import DataError, InputError
from cevnsjax.experiments.folders.schema import read_sections, unknown
from cevnsjax.experiments.folders.sections import SECTIONS
from cevnsjax.tables import parse_csv

FILE = "experiment.toml"
"""The file that describes an experiment."""


@dataclass(frozen=True)
class Folder:
    """A folder with an ``experiment.toml``.

    Attributes:
        path: The folder, as the user wrote it.
    """

    path: Path

    @property
    def file(self) -> str:
        """Path of the description, for messages."""
        return str(self.path / FILE)

    def content(self) -> dict[str, Any]:
        """The description as parsed.

        Raises:
            InputError: No such folder, or no description in it.
            DataError: The description cannot be read or is not valid TOML.
        """
        if not self.path.exists():
            raise InputError(
                f"there is no folder {self.path}; `cevnsjax new-experiment {self.path}` makes one"
            )
        if not self.path.is_dir():
            raise InputError(f"{self.path} is a file; give the folder that holds {FILE}")
        if not (self.path / FILE).is_file():
            raise InputError(
                f"{self.path} has no {FILE}; `cevnsjax new-experiment` writes one to start from"
            )
        try:
            return tomllib.loads(_bytes(self.path / FILE).decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
            raise DataError(f"{self.file} is not valid TOML: {problem}; correct it") from None

    def parts(self) -> tuple[dict[str, "Part"], list["Part"]]:
        """The sections by name, as far as the file has them, and its [[nuisances]].

        Raises:
            InputError: Naming file, section, key, value and remedy.
            DataError: As ``content``.
        """
        sections = read_sections(SECTIONS, self.content(), self.file)
        where = {name: f"{self.file}: {section.head}" for name, section in SECTIONS.items()}
        nuisances = [Part(self, where["nuisances"], v) for v in sections.pop("nuisances")]
        single = {
            name: Part(self, where[name], values)
            for name, values in sections.items()
            if values is not None
        }
        return single, nuisances


@dataclass(frozen=True)
class Part:
    """One section of the description.

    Attributes:
        folder: The folder it is in.
        where: File and section, for messages.
        values: Checked values by key.
    """

    folder: Folder
    where: str
    values: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def error(self, what: str) -> InputError:
        """The error to raise about the section; ``what`` follows file and section."""
        return InputError(f"{self.where} {what}")

    def unknown(self, what: str, name: str, known: Iterable[str]) -> InputError:
        """The error for a name that is not known here, with the nearest known ones."""
        return unknown(self.where, what, name, known)

    def table(self, columns: Sequence[str] | None = None, *, grid: tuple[int, ...] = ()) -> "Table":
        """The CSV file that the section names.

        Raises:
            InputError: It does not lie in the folder.
            DataError: It is missing or malformed, has no rows or other rows than cells, or lacks a
                column.
        """
        file, folder = self["file"], self.folder.path
        path = folder / file.name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise self.error(f"file must lie in {folder}, got {file.name!r}; copy it in")
        if not path.is_file():
            raise DataError(f"{self.where} file: there is no {path}; write it or correct the name")
        table = Table(path, _columns(path))
        table.check(file.columns if columns is None else columns, grid)
        return table


@dataclass(frozen=True)
class Table:
    """A CSV file of the folder.

    Attributes:
        path: The file.
        columns: Its columns by name [row].
    """

    path: Path
    columns: dict[str, Float[np.ndarray, " row"]]

    def __getitem__(self, column: str) -> Float[np.ndarray, " row"]:
        return self.columns[column]

    def check(self, columns: Sequence[str], grid: tuple[int, ...]) -> None:
        """Stop at a missing column, at no rows, or at another number of rows than the grid has.

        Raises:
            DataError: Naming file and remedy.
        """
        lacking = [name for name in columns if name not in self.columns]
        if lacking:
            raise DataError(
                f"{self.path} lacks the column {lacking[0]}; it has {', '.join(self.columns)} and "
                f"needs {', '.join(columns)}"
            )
        rows = len(next(iter(self.columns.values())))
        if rows == 0:
            raise DataError(f"{self.path} has no rows; write one a line below the column names")
        if grid and rows != math.prod(grid):
            raise DataError(
                f"{self.path} has {rows} rows, but the edges make {' x '.join(map(str, grid))} "
                "bins; write one row a bin" + (", time running fastest" if len(grid) > 1 else "")
            )

    def require(self, column: str, right: Bool[np.ndarray, " row"], must: str) -> None:
        """Stop at the first row of a column that is not right.

        Raises:
            DataError: Naming file, column, row and value.
        """
        if not right.all():
            row = int(np.argmin(right))
            raise DataError(
                f"{self.path}: {column} must be {must}, got {self[column][row]:g} in row {row + 1}"
            )


def _columns(path: Path) -> dict[str, Float[np.ndarray, " row"]]:
    _bytes(path)
    try:
        return parse_csv(path)
    except csv.Error as problem:
        raise DataError(f"{path} is not valid CSV: {problem}; correct it") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {problem.strerror}; check its rights") from None
