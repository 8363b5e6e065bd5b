"""CSV files with one header line, whose columns become numbers or text as they are asked for."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cevnsjax.core.disk.reading import read_text
from cevnsjax.core.errors import DataError
from cevnsjax.core.text import of_value, shortened

_MOST_ROWS = 1_000_000
"""Rows above which a table is not one of an experiment."""


@dataclass(frozen=True, eq=False)
class CsvFile:
    """The fields of a CSV file.

    Attributes:
        path: The file.
        names: Column names in the order of the file.
        rows: Number of each line and the fields on it, as many as there are names.
    """

    path: Path
    names: tuple[str, ...]
    rows: Sequence[tuple[int, list[str]]]

    def numbers(self, name: str) -> Float[np.ndarray, " row"]:
        """A column as read-only numbers.

        Raises:
            DataError: At a field that is not a finite number.
        """
        column = np.array([self._number(name, line, x) for line, x in self._fields(name)])
        return _read_only(column.astype(np.float64))

    def texts(self, name: str) -> np.ndarray:
        """A column as read-only text."""
        return _read_only(np.array([x for _, x in self._fields(name)], dtype=np.str_))

    def _fields(self, name: str) -> list[tuple[int, str]]:
        column = self.names.index(name)
        return [(line, fields[column]) for line, fields in self.rows]

    def _number(self, name: str, line: int, field: str) -> float:
        try:
            value = float(field)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(
                f"{self.path} line {line}: {name} is {of_value(field)}; write a finite number"
            )
        return value


def read_csv_file(path: Path) -> CsvFile:
    """Read a file; lines that begin with ``#`` and empty lines are skipped.

    Raises:
        DataError: No file or header, a repeated name, a ragged line, too many rows.
    """
    try:
        lines = [
            (number, [field.strip() for field in next(csv.reader([line]))])
            for number, line in enumerate(read_text(path).split("\n"), 1)
            if line.strip() and not line.lstrip().startswith("#")
        ]
    except csv.Error as problem:
        raise DataError(f"{path} is not valid CSV: {problem}; correct it") from None
    if not lines:
        raise DataError(f"{path} has no header; write the column names on its first line")
    (_, header), *rows = lines
    if len(set(header)) != len(header):
        names = shortened(str(header), 200)
        raise DataError(f"{path} repeats a column name in {names}; give each its own name")
    if len(rows) > _MOST_ROWS:
        raise DataError(f"{path} has {len(rows)} rows; limit {_MOST_ROWS}")
    for number, fields in rows:
        if len(fields) != len(header):
            has = f"{path} line {number} has {len(fields)} fields, not {len(header)}"
            raise DataError(
                f"{has}; give one value for each of {shortened(', '.join(header), 200)}"
            )
    return CsvFile(path, tuple(header), rows)


def _read_only(column: np.ndarray) -> np.ndarray:
    column.flags.writeable = False
    return column
