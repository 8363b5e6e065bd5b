"""The folder of a user's experiment: its TOML file and CSV tables; messages name the remedy."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.core.disk.csv_file import CsvFile, read_csv_file
from cevnsjax.core.disk.reading import exists, read_toml
from cevnsjax.core.errors import DataError, InputError
from cevnsjax.core.text import shortened
from cevnsjax.experiments.folders.schema import read_sections, unknown
from cevnsjax.experiments.folders.sections import SECTIONS

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
    if not exists(folder):
        raise InputError(
            f"there is no folder {folder}; `cevnsjax new-experiment {folder}` makes one"
        )
    if not exists(folder, "folder"):
        raise InputError(f"{folder} is a file; give the folder that holds {FILE}")
    if not exists(file):
        raise InputError(
            f"{folder} has no {FILE}; `cevnsjax new-experiment` writes one to start from"
        )
    if _leaves(folder, FILE):
        raise InputError(f"{file} must lie in {folder}, but is a link out of it; copy it in")
    return read_toml(file)


def _leaves(folder: Path, file: str) -> bool:
    """Whether a file lies outside its folder, by its name or by links."""
    try:
        return not (folder / file).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        # A loop of links, or a name that no file can have: nothing lies there.
        return False


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
        grid (any number of rows if it is empty). Other columns may hold anything.
        """
        file, folder = self["file"], self.folder
        path = folder / file.name
        if _leaves(folder, file.name):
            raise self.error(f"file must lie in {folder}, got {file.name!r}; copy it in")
        if not exists(path) or exists(path, "folder"):
            raise DataError(f"{self.where} file: there is no {path}; write it or correct the name")
        table = Table(read_csv_file(path))
        table.check(file.columns if columns is None else columns, grid)
        return table


@dataclass(frozen=True)
class Table:
    """A CSV file of the folder, and its columns by name: numbers, once they are asked for."""

    file: CsvFile

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return self.file.names

    def __getitem__(self, column: str) -> Float[np.ndarray, " row"]:
        return self.file.numbers(column)

    def check(self, columns: Sequence[str], grid: tuple[int, ...]) -> None:
        """Stop at a missing column, at no rows, or at another number of rows than the grid has."""
        lacking = [name for name in columns if name not in self.names]
        if lacking:
            raise DataError(
                f"{self.path} lacks the column {lacking[0]}; it has "
                f"{shortened(', '.join(self.names), 200)} and needs {', '.join(columns)}"
            )
        rows = len(self.file.rows)
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
