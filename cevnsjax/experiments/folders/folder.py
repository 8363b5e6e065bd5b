"""The folder of a user's experiment: its TOML file and CSV tables, with messages for people."""

import csv
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.core.errors import DataError, InputError
from cevnsjax.experiments.folders.schema import CsvFile
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
        """Its description, for messages."""
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

    def table(self, where: str, file: CsvFile) -> dict[str, np.ndarray]:
        """Columns of a CSV file in the folder, by name.

        Args:
            where: File and section that name it, for messages.
            file: Its name, and the columns it must have.

        Raises:
            InputError: It does not lie in the folder.
            DataError: It is missing or malformed, has no rows, or lacks a column.
        """
        path = self.path / file.name
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise InputError(f"{where} file must lie in {self.path}, got {file.name!r}; copy it in")
        if not path.is_file():
            raise DataError(f"{where} file: there is no {path}; write it or correct the name")
        _bytes(path)
        try:
            columns = parse_csv(path)
        except csv.Error as problem:
            raise DataError(f"{path} is not valid CSV: {problem}; correct it") from None
        lacking = [name for name in file.columns if name not in columns]
        if lacking:
            raise DataError(
                f"{path} lacks the column {lacking[0]}; it has {', '.join(columns)} and needs "
                f"{', '.join(file.columns)}"
            )
        if len(next(iter(columns.values()))) == 0:
            raise DataError(f"{path} has no rows; write one a line below the column names")
        return columns

    def cells(self, where: str, file: CsvFile, grid: tuple[int, ...]) -> dict[str, np.ndarray]:
        """As ``table``, for a file with one row a cell.

        Raises:
            InputError: It does not lie in the folder.
            DataError: As ``table``, or it has another number of rows.
        """
        columns = self.table(where, file)
        rows, wanted = len(next(iter(columns.values()))), int(np.prod(grid))
        if rows != wanted:
            bins = f"{grid[0]} bins" if len(grid) == 1 else f"{grid[0]} x {grid[1]} bins"
            raise DataError(
                f"{self.path / file.name} has {rows} rows, but the edges make {bins}; write one "
                "row a bin" + (", time running fastest" if len(grid) > 1 else "")
            )
        return columns

    def require(
        self, file: CsvFile, column: str, values: np.ndarray, wrong: Any, must: str
    ) -> None:
        """Stop at the first row of a column where ``wrong`` holds.

        Args:
            file: The CSV file.
            column: Name of the column.
            values: The column [any unit].
            wrong: Whether a row is wrong, [row].
            must: What must hold, for the message.

        Raises:
            DataError: Naming file, column, row and value.
        """
        rows = np.flatnonzero(wrong)
        if rows.size:
            raise DataError(
                f"{self.path / file.name}: {column} must be {must}, got {values[rows[0]]:g} in row "
                f"{rows[0] + 1}"
            )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {problem.strerror}; check its rights") from None
