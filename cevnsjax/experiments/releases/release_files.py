"""Parsing of official release folders as published; every error names file, line and remedy."""

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cevnsjax.core.errors import DataError
from cevnsjax.experiments.releases.csi_2017.tables import read_only

Row = tuple[int, tuple[float, ...]]
"""Line number and the numbers on that line."""


@dataclass(frozen=True)
class ReleaseFolder:
    """A folder of text files with numbers.

    Attributes:
        path: The folder.
        remedy: What to do about a bad file; ends every error message.
    """

    path: Path
    remedy: str

    def error(self, file: str, what: str) -> DataError:
        """The error to raise about ``file``; ``what`` follows its name."""
        return DataError(f"{self.path / file}{what}; {self.remedy}")

    def text(self, file: str) -> str:
        """Content of a file.

        Raises:
            DataError: The file cannot be read.
        """
        try:
            return (self.path / file).read_text(encoding="utf-8-sig", errors="replace")
        except OSError as error:
            raise self.error(file, f" cannot be read ({error.strerror})") from error

    def rows(self, file: str, n_columns: int) -> list[Row]:
        """Numbers between blanks or commas; comments and one header line are skipped.

        Args:
            file: File name.
            n_columns: Numbers due on each line.

        Raises:
            DataError: No file, no data, or a line with other columns or with what is no number.
        """
        rows: list[Row] = []
        header_allowed = True
        for line, content in enumerate(self.text(file).splitlines(), 1):
            if not content.strip() or content.lstrip().startswith("#"):
                continue
            values = tuple(map(_number, re.split(r"\s*,\s*|\s+", content.strip())))
            if header_allowed and all(map(math.isnan, values)):
                header_allowed = False
                continue
            header_allowed = False
            if len(values) != n_columns:
                has = f" line {line} has {len(values)} columns, not {n_columns}"
                raise self.error(file, has)
            if not all(map(math.isfinite, values)):
                raise self.error(file, f" line {line}: {content.strip()!r} is not numeric")
            rows.append((line, values))
        if not rows:
            raise self.error(file, " has no data line")
        return rows

    def table(
        self, file: str, names: Sequence[str], *, axis: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Read-only columns by name; the first must increase.

        Args:
            file: File name.
            names: Names for the columns, in the order of the file.
            axis: Bin centres the first column must equal, in its own unit; any if None.

        Raises:
            DataError: As ``rows``; or a first column that does not increase or has other bins.
        """
        rows = self.rows(file, len(names))
        for (_, low), (line, high) in itertools.pairwise(rows):
            if high[0] <= low[0]:
                raise self.error(file, f" line {line}: {names[0]} {high[0]:g} does not increase")
        if axis is not None and not np.array_equal([values[0] for _, values in rows], axis):
            raise self.error(file, f" has other bins of {names[0]} than the files before")
        return {name: read_only([values[i] for _, values in rows]) for i, name in enumerate(names)}

    def grid(
        self, file: str, names: Sequence[str], *, whole: bool = False
    ) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """Bin centres of every axis and the contents on them; rows may come in any order.

        Args:
            file: File name; a row holds one bin centre an axis and the content [any unit].
            names: Names of the axes.
            whole: Whether contents are counts, i.e. whole numbers.

        Raises:
            DataError: As ``rows``; or a negative or fractional content, a cell twice, a cell
                missing, or bin centres that are not evenly spaced.
        """
        cells: dict[tuple[float, ...], float] = {}
        for line, (*centre, content) in self.rows(file, len(names) + 1):
            if content < 0 or (whole and content != int(content)):
                kind = "whole number" if whole else "number"
                raise self.error(file, f" line {line}: content {content:g} is no {kind} >= 0")
            if tuple(centre) in cells:
                raise self.error(file, f" line {line}: cell {_cell(names, centre)} again")
            cells[tuple(centre)] = content
        axes = [np.unique([cell[i] for cell in cells]) for i in range(len(names))]
        for cell in itertools.product(*(axis.tolist() for axis in axes)):
            if cell not in cells:
                raise self.error(file, f" lacks the cell {_cell(names, cell)}")
        for name, axis in zip(names, axes, strict=True):
            self._check_even(file, name, axis)
        order = itertools.product(*(axis.tolist() for axis in axes))
        contents = np.reshape([cells[cell] for cell in order], [axis.size for axis in axes])
        return tuple(map(read_only, axes)), read_only(contents)

    def parameters(self, file: str) -> Callable[[str, str], float]:
        """Look-up of the numbers in a YAML file; enough of YAML for a fixed layout.

        Args:
            file: File name.

        Returns:
            Function of section and key that raises DataError where there is no number; a named
            entry of a section is ``section.name`` [unit as in the file].

        Raises:
            DataError: The file cannot be read.
        """
        values: dict[tuple[str, str], float] = {}
        top = section = ""
        for content in self.text(file).splitlines():
            if match := re.match(r"(\w+):\s*$", content):
                top = section = match[1]
            elif match := re.match(r"\s+-\s+name:\s*(\S+)", content):
                section = f"{top}.{match[1]}"
            elif match := re.match(r"\s+(\w+):\s*(\S+)\s*$", content):
                values.setdefault((section, match[1]), _number(match[2]))

        def number(section: str, key: str) -> float:
            value = values.get((section, key), math.nan)
            if not math.isfinite(value):
                raise self.error(file, f" has no number for {section} {key}")
            return value

        return number

    def _check_even(self, file: str, name: str, centres: np.ndarray) -> None:
        if centres.size < 2:
            return
        expected = centres[0] + (centres[1] - centres[0]) * np.arange(centres.size)
        wrong = np.flatnonzero(~np.isclose(centres, expected, rtol=1e-9, atol=1e-9))
        if wrong.size:
            found, due = centres[wrong[0]], expected[wrong[0]]
            raise self.error(file, f": {name} bin centre {found:g} where {due:g} is due")


def _cell(names: Sequence[str], centre: Sequence[float]) -> str:
    return "(" + ", ".join(f"{n} {c:g}" for n, c in zip(names, centre, strict=True)) + ")"


def _number(field: str) -> float:
    try:
        return float(field)
    except ValueError:
        return math.nan
