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


def parts_of(folder: Path) -> tuple[dict[str, "Part"], list["Part"]]:
    """The sections of a folder's description by name, as far as it has them, and [[nuisances]]."""
    file = str(folder / FILE)
    sections = read_sections(SECTIONS, _description(folder), file)
    where = {name: f"{file}: {section.head}" for name, section in SECTIONS.items()}
    nuisances = [Part(folder, where["nuisances"], v) for v in sections.pop("nuisances")]
    single = {n: Part(folder, where[n], v) for n, v in sections.items() if v is not None}
    return single, nuisances


def _description(folder: Path) -> dict[str, Any]:
    """The description as parsed."""
    file = folder / FILE
    if not folder.exists():
        raise InputError(
            f"there is no folder {folder}; `cevnsjax new-experiment {folder}` makes one"
        )
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give the folder that holds {FILE}")
    if not file.is_file():
        raise InputError(
            f"{folder} has no {FILE}; `cevnsjax new-experiment` writes one to start from"
        )
    try:
        return tomllib.loads(_bytes(file).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise DataError(f"{file} is not valid TOML: {problem}; correct it") from None


@dataclass(frozen=True)
class Part:
    """One section of the description.

    Attributes:
        folder: The folder it is in, as the user wrote it.
        where: File and section, for messages.
        values: Checked values by key.
    """

    folder: Path
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
        """The CSV file that the section names, checked.

        It must have ``columns``, or else those of the section's key, and a row for each cell of the
        grid (any number of rows if it is empty).
        """
        file, folder = self["file"], self.folder
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
    """A CSV file of the folder, and its columns by name."""

    path: Path
    columns: dict[str, Float[np.ndarray, " row"]]

    def __getitem__(self, column: str) -> Float[np.ndarray, " row"]:
        return self.columns[column]

    def check(self, columns: Sequence[str], grid: tuple[int, ...]) -> None:
        """Stop at a missing column, at no rows, or at another number of rows than the grid has."""
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
        """Stop at the first row of a column that is not right."""
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
